/** The links in a text, one a line, and what is wrong with those that are none. */
export interface Pasted {
  links: string[];
  problems: string[];
}

/** Whether the source takes links of this host, or of one below it. */
function isTaken(host: string, hosts: readonly string[]): boolean {
  return hosts.some((known) => host === known || host.endsWith(`.${known}`));
}

export function readLinks(text: string, hosts: readonly string[], name: string): Pasted {
  const links: string[] = [];
  const problems: string[] = [];
  for (const line of text.split(/\s+/).filter(Boolean)) {
    const link = /^[a-z][a-z\d+.-]*:/i.test(line) ? line : `https://${line}`;
    const problem = problemOf(link, hosts, name);
    if (problem) problems.push(`${shortened(line)}: ${problem}`);
    else if (!links.includes(link)) links.push(link);
  }
  return { links, problems };
}

function problemOf(link: string, hosts: readonly string[], name: string): string | null {
  if (!URL.canParse(link)) return 'this is not a link.';
  const { protocol, hostname, username, pathname, search } = new URL(link);
  if (!['http:', 'https:'].includes(protocol) || username || !hostname.includes('.')) return 'this is not a link.';
  if (!isTaken(hostname.toLowerCase(), hosts)) return `this is not a link to ${name}.`;
  return pathname === '/' && !search ? 'this leads to no video.' : null;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
