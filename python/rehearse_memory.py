"""How much memory the rehearsal takes, against the limit."""

from rehearse_causes import LESS_MEMORY, Found

TIGHT = 0.9
# A batch that would take this much more than the limit is not tried, since the machine would stop responding.
FAR = 1.5


class Memory:
    """Peak memory in bytes. `limit` is given, else what the device recommends; None if neither is known."""

    def __init__(self, limit):
        import mlx.core as mx

        self.mx = mx
        self.recommended = device_info(mx).get("max_recommended_working_set_size")
        self.limit = limit or self.recommended
        mx.reset_peak_memory()
        if self.limit is not None:
            mx.set_memory_limit(self.limit)  # a guideline: mlx frees its cache earlier, but stops nothing

    def peak(self):
        return self.mx.get_peak_memory()

    def check(self, after):
        """Raises Found if the peak is over the limit."""
        if self.limit is not None and self.peak() > self.limit:
            raise self.over(f"{gb(self.peak())} were used {after}, and the limit is {gb(self.limit)}")

    def over(self, text):
        return Found("out_of_memory", "OUT_OF_MEMORY", text, LESS_MEMORY)

    def foresee(self, narrow, wide, trainable):
        """Raises Found if a batch of `wide` tokens needs far more than the limit, after one of `narrow` tokens was done.

        What a batch takes beyond weights, optimizer and gradients grows at least as fast as its tokens.
        """
        kept = self.mx.get_active_memory() + trainable
        needed = kept + max(0, self.peak() - kept) * wide / narrow
        if self.limit is not None and needed > FAR * self.limit:
            raise self.over(
                f"the longest batch was not tried: it needs about {gb(needed)}, since one of {narrow} tokens used "
                f"{gb(self.peak())} and it has {wide}; the limit is {gb(self.limit)}"
            )

    def report(self):
        return {"peak_bytes": self.peak(), "limit_bytes": self.limit, "recommended_bytes": self.recommended}

    def verdict(self):
        """The verdict on a training whose longest batch was trained; None without a limit."""
        if self.limit is None:
            return None
        return "tight" if self.peak() >= TIGHT * self.limit else "fits"


def device_info(mx):
    """What mlx knows about the device; the function was moved to another module between versions."""
    for place in (mx, getattr(mx, "metal", None)):
        if hasattr(place, "device_info"):
            try:
                return place.device_info()
            except RuntimeError:  # no Metal here
                continue
    return {}


def gb(size):
    """A size in words: GB are 2^30 bytes, as everywhere in phasebox."""
    return f"{size / 2**30:.2f} GB" if size >= 0.1 * 2**30 else f"{size / 2**20:.1f} MB"
