/** Who may ask, as it changes with what clients do; what of it outlives the process; and that none of it grows without bound. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Buckets, maxBuckets } from '../../../../src/actors/conduct/buckets.js';
import { Challenges } from '../../../../src/actors/conduct/challenges.js';
import { conductFile, type ConductStore } from '../../../../src/actors/conduct/conduct-file.js';
import { Conduct, maxStandings, type ConductOptions } from '../../../../src/actors/conduct/conduct.js';
import type { Asking } from '../../../../src/machines/scheduler.js';
import { findNonce } from '../../../../src/protocol/work.js';
import { strikeRules } from '../../../../src/rules/strikes.js';
import { nullLogger, type Logger } from '../../../../src/runtime/log.js';
import { seededRandom } from '../../../../src/runtime/random.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const account = (n: number): string => n.toString(16).padStart(64, '0');
const owner = account(0xffff);
const [alice, bob] = [account(1), account(2)];

class Desk {
  readonly clock = new VirtualClock(1_700_000_000_000);
  health = { score: 100, state: 'idle' };
  saved: ReturnType<ConductStore['load']> = [];
  readonly conduct: Conduct;
  #asked = 0;

  constructor(options: Partial<ConductOptions> = {}) {
    this.conduct = new Conduct({
      clock: this.clock,
      random: seededRandom(1),
      log: nullLogger,
      store: { load: () => [], save: (standings) => void (this.saved = standings) },
      owner,
      allow: [],
      deny: [],
      health: () => this.health,
      provenBanLeftMs: () => 0,
      ...options,
    });
  }

  ask(who: string, more: Partial<Asking> & { id?: string; work?: { challenge: string; nonce: string } } = {}) {
    const { id = `r${++this.#asked}`, work, ...asking } = more;
    return this.conduct.gate({
      account: who,
      address: '10.0.0.1',
      isOwner: who === owner,
      tier: 'bronze',
      prompt: { v: 2, type: 'prompt', id, prompt: '', ...(work ? { work } : {}) },
      unfinished: 0,
      avgResponseMs: undefined,
      ...asking,
    });
  }

  strike(who: string, times: number): void {
    for (let i = 0; i < times; i++) this.conduct.strike(who, 'malformed_frame');
  }
}

describe('rates', () => {
  it('are counted for each account that has a tier, and for all guests of one address together', () => {
    const desk = new Desk();
    for (let i = 0; i < 10; i++) expect(desk.ask(alice)).toBeUndefined();
    expect(desk.ask(alice)).toMatchObject({ code: 'rate_limited', retryAfterMs: 1_000 });
    expect(desk.ask(bob)).toBeUndefined();
    const guest = { tier: 'guest', address: '10.0.0.9' } as const;
    expect([desk.ask(account(3), guest), desk.ask(account(4), guest)]).toEqual([undefined, undefined]);
    expect(desk.ask(account(5), guest)).toMatchObject({ code: 'rate_limited', retryAfterMs: 2_000 });
    expect(desk.ask(account(5), { ...guest, address: '10.0.0.8' })).toBeUndefined();
  });

  it('let in who waited as told; a refusal costs nothing', () => {
    const desk = new Desk();
    const guest = { tier: 'guest' } as const;
    for (let i = 0; i < 2; i++) desk.ask(alice, guest);
    for (let i = 0; i < 50; i++) expect(desk.ask(alice, guest)).toMatchObject({ retryAfterMs: 2_000 });
    desk.clock.advance(1_999);
    expect(desk.ask(alice, guest)).toMatchObject({ retryAfterMs: 1 });
    desk.clock.advance(1);
    expect(desk.ask(alice, guest)).toBeUndefined();
  });

  it('do not hold for the owner', () => {
    const desk = new Desk({ allow: [alice], deny: [owner] });
    for (let i = 0; i < 1_000; i++) expect(desk.ask(owner, { tier: 'guest', unfinished: i })).toBeUndefined();
  });

  it('keep the buckets of those who asked lately; more strangers than there is room for free nobody from its own', () => {
    const buckets = new Buckets();
    for (let i = 0; i < 2; i++) buckets.take('villain', 'guest', 0);
    for (let i = 1; buckets.size < maxBuckets; i++) buckets.take(`stranger ${i}`, 'guest', 1);
    expect(buckets.waitMs('villain', 'guest', 1)).toBe(1_999);
    expect(buckets.waitMs('one too many', 'guest', 1)).toBeGreaterThan(0);
    expect(buckets.waitMs('one too many', 'guest', 8_001)).toBe(0);
    expect(buckets.size).toBe(0);
  });
});

describe('strikes', () => {
  it('ban after ten, for as long as is said, and longer the next time; nobody else, and never the owner', () => {
    const desk = new Desk();
    desk.strike(alice, strikeRules.banAt - 1);
    expect(desk.ask(alice)).toBeUndefined();
    desk.strike(alice, 1);
    expect(desk.ask(alice)).toMatchObject({ code: 'banned', retryAfterMs: 600_000 });
    expect(desk.ask(bob)).toBeUndefined();
    desk.clock.advance(599_999);
    expect(desk.ask(alice)).toMatchObject({ code: 'banned', retryAfterMs: 1 });
    desk.clock.advance(1);
    expect(desk.ask(alice)).toBeUndefined();
    desk.strike(alice, strikeRules.banAt);
    expect(desk.ask(alice)).toMatchObject({ code: 'banned', retryAfterMs: 1_200_000 });
    desk.strike(owner, 100);
    expect(desk.ask(owner)).toBeUndefined();
  });

  it('are written a second later, together, and read by the next process; the clock may have been set back meanwhile', () => {
    const desk = new Desk();
    desk.strike(alice, strikeRules.banAt);
    desk.strike(bob, 5);
    expect(desk.saved).toEqual([]);
    desk.clock.advance(1_000);
    expect(desk.saved.map(([who]) => who)).toEqual([alice, bob]);
    const store = { load: () => desk.saved, save: () => {} };
    const next = new Desk({ store, clock: desk.clock });
    expect(next.ask(alice)).toMatchObject({ code: 'banned', retryAfterMs: 599_000 });
    next.strike(bob, 5);
    expect(next.ask(bob)).toMatchObject({ code: 'banned' });
    const clock = new VirtualClock(1_000_000_000_000);
    const longAgo = new Desk({ store, clock });
    expect(longAgo.ask(alice)).toMatchObject({ code: 'banned', retryAfterMs: strikeRules.longestBanMs });
    clock.advance(6 * strikeRules.halfLifeMs);
    longAgo.strike(bob, 9);
    expect(longAgo.ask(bob)).toBeUndefined();
  });

  it('that are not written yet are written when the worker stops', () => {
    const desk = new Desk();
    desk.strike(alice, 3);
    desk.conduct.flush();
    expect(desk.saved).toHaveLength(1);
    desk.saved = [];
    desk.conduct.flush();
    desk.clock.advance(10_000);
    expect(desk.saved).toEqual([]);
  });

  it('a flood of strangers neither frees one that is banned nor grows without bound', () => {
    const desk = new Desk();
    desk.strike(alice, strikeRules.banAt);
    desk.strike(bob, 9);
    for (let n = 100; n < 100 + maxStandings + 500; n++) desk.strike(account(n), 1);
    expect(desk.ask(alice)).toMatchObject({ code: 'banned' });
    desk.strike(bob, 1);
    expect(desk.ask(bob)).toMatchObject({ code: 'banned' });
    desk.conduct.flush();
    expect(desk.saved.length).toBeLessThanOrEqual(maxStandings);
  });

  it('where every place is held by a ban, one more is not remembered until the first of them ends', () => {
    const load = (): ReturnType<ConductStore['load']> =>
      Array.from({ length: maxStandings }, (_, n) => [
        account(1_000 + n),
        { strikes: 0, atMs: 0, bans: 1, bannedUntilMs: 1_700_000_060_000 },
      ]);
    const desk = new Desk({ store: { load, save: () => {} } });
    desk.strike(alice, strikeRules.banAt);
    expect(desk.ask(alice)).toBeUndefined();
    expect(desk.ask(account(1_000))).toMatchObject({ code: 'banned' });
    desk.clock.advance(60_000);
    desk.strike(alice, strikeRules.banAt);
    expect(desk.ask(alice)).toMatchObject({ code: 'banned' });
  });
});

describe('whom the owner serves', () => {
  it('is everyone, or those named, and never those denied', () => {
    expect(new Desk().ask(alice)).toBeUndefined();
    const named = new Desk({ allow: [alice, bob], deny: [bob] });
    expect(named.ask(alice)).toBeUndefined();
    expect(named.ask(bob)).toMatchObject({ code: 'banned', message: expect.stringContaining('does not serve') });
    expect(named.ask(account(9))).toMatchObject({ code: 'banned', message: expect.stringContaining('named') });
    expect(named.ask(account(9))).not.toHaveProperty('retryAfterMs');
  });
});

describe('work', () => {
  const guest = { tier: 'guest' } as const;
  const busy = (): Desk => {
    const desk = new Desk();
    desk.health = { score: 50, state: 'moderate' };
    return desk;
  };
  const asked = (desk: Desk, who: string, id: string) => {
    const refusal = desk.ask(who, { ...guest, id });
    expect(refusal).toMatchObject({
      code: 'work_required',
      work: { challenge: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    return refusal!.work!;
  };
  const solve = (who: string, id: string, { challenge, bits }: { challenge: string; bits: number }) => ({
    challenge,
    nonce: findNonce({ challenge, bits, client: who, id }, 0, 2 ** 26)!,
  });

  it('lets a guest in once it is done, each challenge once, and costs no more of its rate than asking', () => {
    const desk = busy();
    for (let i = 0; i < 2; i++) {
      const id = `r${i}`;
      const work = solve(alice, id, asked(desk, alice, id));
      expect(desk.ask(alice, { ...guest, id, work })).toBeUndefined();
    }
    desk.clock.advance(10_000);
    const work = solve(alice, 'r9', asked(desk, alice, 'r9'));
    expect(desk.ask(alice, { ...guest, id: 'r9', work })).toBeUndefined();
    expect(desk.ask(alice, { ...guest, id: 'r9', work })).toMatchObject({ code: 'work_required' });
    expect(desk.ask(bob)).toBeUndefined();
  });

  it('is a new challenge each time, even within a millisecond', () => {
    const desk = busy();
    const challenges = Array.from({ length: 100 }, () => asked(desk, alice, 'same').challenge);
    expect(new Set(challenges).size).toBe(100);
  });

  it('serves nobody else, no other request, and no longer than a minute: the last without a strike', () => {
    const desk = busy();
    const challenge = asked(desk, alice, 'mine');
    const work = solve(alice, 'mine', challenge);
    for (const [who, id] of [
      [bob, 'mine'],
      [alice, 'other'],
    ] as const)
      expect(desk.ask(who, { ...guest, id, work })).toMatchObject({ code: 'work_required' });
    desk.clock.advance(60_000);
    for (let i = 0; i < 20; i++)
      expect(desk.ask(alice, { ...guest, id: 'mine', work })).toMatchObject({
        code: 'work_required',
        message: expect.stringContaining('expired'),
      });
  });

  it('that is none is a strike, and ten of them a ban', () => {
    const desk = busy();
    const forged = { challenge: 'ab'.repeat(16), nonce: '0' };
    for (let i = 0; i < 10; i++)
      expect(desk.ask(alice, { ...guest, work: forged })).toMatchObject({ code: 'work_required' });
    expect(desk.ask(alice, guest)).toMatchObject({ code: 'banned' });
    desk.health = { score: 100, state: 'idle' };
    expect(desk.ask(bob, { ...guest, work: forged })).toBeUndefined(); // not asked for, not looked at
  });

  it('keeps a challenge that served for as long as it could be sent again, and those that nobody answers not at all', () => {
    const challenges = new Challenges(seededRandom(2).bytes(32));
    let nowMs = 2 ** 32 - 30_000; // the time in a challenge wraps in the midst of this
    for (let i = 0; i < 90; i++) {
      const issued = challenges.issue(alice, 0, nowMs);
      expect(challenges.check(alice, 'r', { challenge: issued.challenge, nonce: '0' }, nowMs + 500)).toBe('good');
      challenges.spend(issued.challenge, nowMs + 500);
      expect(challenges.check(alice, 'r', { challenge: issued.challenge, nonce: '0' }, nowMs + 900)).toBe('late');
      nowMs += 1_000;
    }
    expect(challenges.spent).toBeLessThanOrEqual(61);
  });
});

describe('the file', () => {
  let home: string;
  const warnings: object[] = [];
  const log: Logger = { ...nullLogger, warn: (event, fields) => void warnings.push({ event, ...fields }) };
  const clock = new VirtualClock(1_700_000_000_000);
  const standings = [[alice, { strikes: 2.5, atMs: 1, bans: 1, bannedUntilMs: 2 }]] as const;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'qmesh-conduct-'));
    warnings.length = 0;
  });
  afterEach(() => rmSync(home, { recursive: true }));

  it('gives back what was saved, and nothing where there is none; no draft is left', () => {
    const file = conductFile(home, clock, log);
    expect(file.load()).toEqual([]);
    file.save(standings);
    expect(conductFile(home, clock, log).load()).toEqual(standings);
    expect(readdirSync(home)).toEqual(['conduct.json']);
    expect(warnings).toEqual([]);
  });

  it.each(['', '{', '[]', '{"version":1}', '{"version":1,"standings":[["x",{}]]}', '{"version":2,"standings":[]}'])(
    'that is damaged is put aside and said to be: %s',
    (content) => {
      writeFileSync(join(home, 'conduct.json'), content);
      expect(conductFile(home, clock, log).load()).toEqual([]);
      const [aside, ...more] = readdirSync(home);
      expect(more).toEqual([]);
      expect(readFileSync(join(home, aside ?? ''), 'utf8')).toBe(content);
      expect(warnings).toMatchObject([{ event: 'conduct.damaged', movedTo: join(home, aside ?? '') }]);
    },
  );

  it('that is damaged and cannot be moved does not stop the worker', () => {
    mkdirSync(join(home, 'conduct.json'));
    writeFileSync(join(home, `conduct.json.damaged-${clock.now()}`), 'in the way');
    expect(conductFile(home, clock, log).load()).toEqual([]);
    expect(warnings).toMatchObject([{ event: 'conduct.damaged', error: { code: 'ENOTDIR' } }]);
  });

  it('that cannot be written does not stop the worker', () => {
    const file = conductFile(join(home, 'gone'), clock, log);
    file.save(standings);
    expect(warnings).toMatchObject([{ event: 'conduct.unsaved' }]);
  });
});
