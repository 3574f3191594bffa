/** The URL as it may be printed: user, password, query (often a signed token) and fragment are left out. */
export function shownUrl(url: string | URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.search = '';
  shown.hash = '';
  return shown.href;
}
