const KEPT = 10_000; // milliseconds

const asked = new Map<string, Promise<Response>>();

/** Ask for these addresses now, before the scripts that need the answers have come. */
export function askEarly(addresses: readonly string[]): void {
  for (const address of addresses) {
    const answer = fetch(address);
    asked.set(address, answer);
    answer.then(({ ok }) => ok || asked.delete(address), () => asked.delete(address));
  }
  setTimeout(() => asked.clear(), KEPT); // what nobody has taken by then is old
}

/** The answer that was asked for early. Each is given once; a refusal, where nobody has waited for it, never. */
export function earlyAnswer({ method, url }: Request): Promise<Response> | undefined {
  const address = url.slice(location.origin.length);
  const answer = method === 'GET' ? asked.get(address) : undefined;
  asked.delete(address);
  return answer;
}
