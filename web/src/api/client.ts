import createClient from 'openapi-fetch';
import { earlyAnswer } from './early';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** Problem details, as an error: `code` is stable, the message is a sentence for people. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const UNREACHABLE = 'CallVault cannot be reached. Check your connection, then try again.';

export const api = createClient<paths>({
  baseUrl: location.origin,
  // Looked up at each call, so that tests may answer in its place.
  fetch: (request) => earlyAnswer(request) ?? globalThis.fetch(request),
});

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The answer's data. Throws a ProblemError, also where nobody answered (code `unreachable`). */
export async function unwrap<Data>(asked: Promise<Answer<Data>>): Promise<Data> {
  let answer: Answer<Data>;
  try {
    answer = await asked;
  } catch {
    throw new ProblemError(0, 'unreachable', UNREACHABLE);
  }
  if (answer.response.ok) return answer.data as Data;
  throw problemOf(answer.response.status, answer.error);
}

function problemOf(status: number, error: unknown): ProblemError {
  const problem = (typeof error === 'object' && error !== null ? error : {}) as Partial<Schemas['Problem']>;
  const first = problem.errors?.[0]?.message;
  return new ProblemError(
    status,
    problem.code ?? 'unreadable',
    (problem.code === 'invalid_request' ? first : problem.detail) ?? 'Something went wrong. Try again.',
  );
}

/** A sentence for whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof ProblemError ? error.message : 'Something went wrong. Try again.';
}
