/** What is wrong with an address, or the address. */
export type Address = { readonly url: URL } | { readonly problem: string; readonly fix: string };

/** Whether a host, as it stands in a URL or alone, can be reached from this machine only. */
export const isLoopback = (host: string): boolean =>
  ['localhost', '[::1]', '::1'].includes(host) || /^127(?:\.\d{1,3}){3}$/.test(host);

function parsed(text: string): URL | undefined {
  return /[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text) ? undefined : new URL(text);
}

/** Reads the base address of a provider. Keys and prompts go there, so it is https, or does not leave this machine. */
export function providerAddress(text: string, allowInsecure: boolean): Address {
  const url = parsed(text);
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return { problem: 'is not an http or https address', fix: 'Write it as https://api.example.com/v1.' };
  if (url.username !== '' || url.password !== '')
    return { problem: 'has a user or password in it', fix: 'Remove it; give a key as api_key or a header.' };
  if (/[?#]/.test(text)) return { problem: 'has a query or fragment', fix: 'End it before the "?" or "#".' };
  if (url.protocol === 'http:' && !allowInsecure && !isLoopback(url.hostname))
    return {
      problem: 'is plain http to another machine',
      fix: 'Use https, or set allow_insecure: true for this provider in the file.',
    };
  url.pathname = url.pathname.replace(/\/+$/, '');
  return { url };
}
