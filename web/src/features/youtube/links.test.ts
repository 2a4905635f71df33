import { describe, expect, it } from 'vitest';
import { readLinks } from './links';

const read = (text: string) => readLinks(text, ['youtube.com', 'youtu.be'], 'YouTube');

describe('pasted links', () => {
  it('are taken from many lines, each once, with or without their scheme', () => {
    const { links, problems } = read('https://www.youtube.com/watch?v=a\n\n youtu.be/b \nhttps://www.youtube.com/watch?v=a');
    expect(links).toEqual(['https://www.youtube.com/watch?v=a', 'https://youtu.be/b']);
    expect(problems).toEqual([]);
  });
  it('of other places say so', () => {
    expect(read('https://vimeo.com/1').problems).toEqual(['https://vimeo.com/1: this is not a link to YouTube.']);
    expect(read('https://notyoutube.com/watch?v=1').problems).toHaveLength(1);
  });
  it('that are none say so', () => {
    expect(['hello', 'javascript:alert(1)', 'https://', 'ftp://youtube.com/x'].map((text) => read(text).problems.length)).toEqual([1, 1, 1, 1]);
  });
  it('that lead to no video say so', () => {
    expect(read('https://youtube.com').problems).toEqual(['https://youtube.com: this leads to no video.']);
  });
});
