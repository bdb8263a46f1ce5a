/** What scripts/programs.mjs hears of each thing that was tried: one line of JSON. */
export const baseUrl = process.env.OPENAI_BASE_URL;
export const model = process.env.OPENAI_MODEL;

/** What the demo model answers when it is asked to count from 5. */
export const question = 'count from 5';
export const counted = /^6 7 8/;

/**
 * @param {string} what
 * @param {() => Promise<unknown>} work ends well where it worked
 */
export async function tried(what, work) {
  try {
    await work();
    console.log(JSON.stringify({ what, ok: true }));
  } catch (error) {
    console.log(
      JSON.stringify({
        what,
        ok: false,
        note: `${error?.message ?? error} ${error?.stderr ?? ''}`.trim().slice(0, 400),
      }),
    );
  }
}

/**
 * What this server does not have, and says so.
 * @param {string} what
 * @param {RegExp} message that the program shows
 * @param {() => Promise<unknown>} work
 */
export const refused = (what, message, work) =>
  tried(`${what} is refused`, async () => {
    const answer = await work().then(
      () => 'it was not refused',
      (error) => String(error?.message ?? error),
    );
    holds(message.test(answer), answer);
  });

/**
 * @param {unknown} condition
 * @param {unknown} seen
 */
export function holds(condition, seen) {
  if (!condition) throw new Error(`seen: ${JSON.stringify(seen)}`);
}

/** After the last one. */
export const end = () => console.log(JSON.stringify({ what: 'end', ok: true }));
