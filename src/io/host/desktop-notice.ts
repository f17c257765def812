/** Passes the text as arguments, so that nothing in it is read as AppleScript. */
const appleScript = [
  ...['-e', 'on run argv', '-e', 'display notification (item 2 of argv) with title (item 1 of argv)'],
  ...['-e', 'end run'],
];

/** Notification servers read these characters as markup. */
const withoutMarkup = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The command that shows a notification on the desktop. `title` does not begin with `-`. */
export function desktopCommand(
  platform: NodeJS.Platform,
  { title, text }: { readonly title: string; readonly text: string },
): readonly [string, ...string[]] {
  if (platform === 'darwin') return ['/usr/bin/osascript', ...appleScript, title, text];
  return ['notify-send', '--app-name=phasebox', '--', title, withoutMarkup(text)];
}
