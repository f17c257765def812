/** Why a prompt has no answer. */
export type AnswerFault =
  | { readonly kind: 'timeout' }
  /** The model server refused this prompt with HTTP 400. */
  | { readonly kind: 'refused'; readonly complaint: string }
  | { readonly kind: 'other'; readonly text: string };

/** The `error` of a line in answers.jsonl. */
export function faultText(fault: AnswerFault): string {
  if (fault.kind === 'timeout') return 'TIMEOUT';
  return fault.kind === 'refused' ? `HTTP 400: ${fault.complaint}` : fault.text;
}

/** Reads what `faultText` wrote. Answers of other programs may have any text. */
export function answerFault(text: string): AnswerFault {
  if (text === 'TIMEOUT') return { kind: 'timeout' };
  const complaint = /^HTTP 400(?:: )?(.*)$/s.exec(text)?.[1];
  return complaint === undefined ? { kind: 'other', text } : { kind: 'refused', complaint };
}
