/** The worker's own page, in a real browser, over a real worker: what its owner sees while it works, fails and recovers. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Browser, Page, Response } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QMeshClient } from '../support/built-client.js';
import { noBrowser, openBrowser, openPage, type WatchedPage } from '../support/browser.js';
import { signalProcess } from '../support/signal.js';
import { startTestnet, WorkerProcess } from '../support/worker-process.js';

const maxPageBytes = 300_000;
const secret = 'count from 41';
/** A second and more of decoding with one thread. */
const longAnswer = 1_500;

if (noBrowser !== undefined) console.warn(`test/browser is left out: ${noBrowser}`);

describe.skipIf(noBrowser !== undefined)('the page of a worker', () => {
  const closing: (() => Promise<unknown>)[] = [];
  let worker: WorkerProcess;
  let client: QMeshClient;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let address: string;

  beforeAll(async () => {
    const testnet = await startTestnet();
    closing.push(() => testnet.destroy());
    worker = await WorkerProcess.start(testnet, { QMESH_ADMIN: '127.0.0.1:0', QMESH_SLOTS: '2' });
    closing.push(() => worker.stop());
    browser = await openBrowser();
    closing.push(() => browser.close());
    await worker.ready();
    const { admin } = await worker.says(({ event }) => event === 'worker.ready');
    address = `http://${String(admin)}`;
    client = await QMeshClient.connect({
      bootstrap: testnet.bootstrap,
      host: '127.0.0.1',
      identity: worker.owner,
    });
    closing.push(() => client.close());
    watched = await openPage(browser, { viewport: { width: 1280, height: 800 } });
    page = watched.page;
    await page.goto(address);
    await page.waitForSelector('#overview[data-loaded]');
  });

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  const open = async (view: string): Promise<void> => {
    await page.click(`nav.views a[href="#${view}"]`);
  };
  const stateOf = (actor: string) => page.locator(`.tile[data-actor="${actor}"] p.state`).textContent();

  it('shows the statechart of every actor that has one, with the state lit that it is in', async () => {
    await open('charts');
    await page.waitForFunction(() => document.querySelectorAll('.tile').length > 20);
    await page.waitForFunction(() =>
      [...document.querySelectorAll('.tile')].every((tile) => tile.querySelector('svg')),
    );
    const tiles = await page.$$eval('.tile', (all) =>
      all.map((tile) => ({
        name: tile.getAttribute('data-actor'),
        lit: [...tile.querySelectorAll('[data-state].active')].map((state) => state.getAttribute('data-state')),
      })),
    );
    const names = tiles.map(({ name }) => name);
    for (const actor of ['root', 'admin', 'scheduler', 'engine.0', 'slot.0.0', 'slot.0.1', 'dht', 'topic.inference'])
      expect(names).toContain(actor);
    expect(tiles.filter(({ lit }) => lit.length < 2)).toEqual([]); // the machine itself and a state in it
    expect(tiles.find(({ name }) => name === 'dht')?.lit).toContain('dht.up.online');
  });

  it('lights up while a request runs, and lets the arrows flash that are taken', async () => {
    const answer = client.generate({ prompt: secret, options: { maxTokens: longAnswer, temperature: 0 } });
    await page.waitForSelector('.tile.working[data-actor^="slot.0"] [data-state="slot.busy"].active');
    await page.waitForSelector('.tile[data-actor^="slot.0"] .arrow.fired', { state: 'attached' });
    await page.waitForSelector('.tile[data-actor^="scheduler/request"]');
    await answer;
    await page.waitForFunction(() => document.querySelectorAll('.tile.working[data-actor^="slot"]').length === 0);
  });

  it("shows a request's way from actor to actor, and nothing of what was asked or answered", async () => {
    await open('messages');
    await page.fill('#filter', 'prompt.received');
    await page.click('#messages button.request >> nth=0');
    const filter = await page.inputValue('#filter');
    expect(filter).not.toBe('prompt.received'); // by now it is the request's own id
    const words = await page.$$eval('#messages .sequence li .words', (all) => all.map((each) => each.textContent));
    const order = ['prompt.received', 'slot.run', 'slot.order', 'run.started', 'run.firstToken', 'run.ended'];
    const places = order.map((type) => words.findIndex((line) => line.includes(type)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    const seen = await page.content();
    expect(seen).not.toContain(secret);
    expect(seen).not.toContain('42 43 44');
  });

  it('shows the crash of an engine, and its return', async () => {
    await page.fill('#filter', '');
    await open('charts');
    await page.evaluate(() => {
      const seen = ((window as unknown as { seen: string[] }).seen = []) as string[];
      const look = (): void =>
        void seen.push(document.querySelector('[data-actor="engine.0"] p.state')?.textContent ?? '');
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    for (const pid of worker.engines()) signalProcess(pid, 'SIGKILL');
    await page.waitForFunction(() =>
      (window as unknown as { seen: string[] }).seen.some((state) => /crashed|starting|loading/.test(state)),
    );
    await page.waitForFunction(
      () => document.querySelector('[data-actor="engine.0"] p.state')?.textContent === 'running.ready',
    );
    await open('log');
    expect(await page.textContent('#log')).toMatch(/engine\.lost/);
    await open('overview');
    await page.waitForSelector('.engines >> text=Crashed once since this worker started');
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('qmesh_engine_restarts_total 1');
  });

  it('stands still when it is told to, goes back in time, and goes on', async () => {
    await open('charts');
    await page.click('#pause');
    expect(await page.isVisible('#timeline')).toBe(true);
    const last = Number(await page.inputValue('#moment'));
    await page.locator('#moment').evaluate((slider: HTMLInputElement) => {
      slider.value = '0';
      slider.dispatchEvent(new Event('input'));
    });
    expect(last).toBeGreaterThan(20);
    expect(await stateOf('engine.0')).toBe('running.ready'); // as it was when the page was opened
    await page.click('#pause');
    expect(await page.isVisible('#timeline')).toBe(false);
  });

  it('is saved as one file that opens without the worker', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const path = await download.path();
    expect(readFileSync(path, 'utf8')).not.toContain(secret);
    const copy = `${path}.html`;
    await download.saveAs(copy);
    const offline = await openPage(browser, { offline: true });
    await offline.page.goto(`${pathToFileURL(copy).href}#charts`);
    await offline.page.waitForSelector('.tile[data-actor="scheduler"] svg .active');
    expect(await offline.page.isVisible('#timeline')).toBe(true);
    expect(await offline.page.textContent('#connection')).toContain('A recording of');
    expect(offline.complaints).toEqual([]);
    await offline.page.context().close();
  });

  it('weighs less than 300 kB with everything, and comes from nowhere else', async () => {
    const fresh = await openPage(browser);
    const origins = new Set<string>();
    const bodies: Promise<Buffer>[] = [];
    const weigh = (response: Response): void => {
      origins.add(new URL(response.url()).origin);
      if (!response.url().endsWith('/events')) bodies.push(response.body()); // that one never ends
    };
    fresh.page.on('response', weigh);
    await fresh.page.goto(`${address}/#charts`);
    await fresh.page.waitForFunction(
      () =>
        [...document.querySelectorAll('.tile')].every((tile) => tile.querySelector('svg')) &&
        document.querySelector('.tile'),
    );
    fresh.page.off('response', weigh);
    const bytes = (await Promise.all(bodies)).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(maxPageBytes);
    expect([...origins]).toEqual([address]);
    await fresh.page.context().close();
  });

  it('fits a phone, can be walked through by keyboard, and can be read in the dark', async () => {
    const phone = await openPage(browser, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    await phone.page.goto(address);
    await phone.page.waitForSelector('#overview[data-loaded]');
    for (const view of ['overview', 'charts', 'messages', 'log']) {
      await phone.page.click(`nav.views a[href="#${view}"]`);
      await phone.page.waitForTimeout(150);
      const overflow = await phone.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, `${view} is wider than the phone`).toBeLessThanOrEqual(0);
    }
    expect(await phone.page.evaluate(contrasts)).toEqual([]);
    await phone.page.click('h1');
    for (const expected of ['Overview', 'Statecharts']) {
      await phone.page.keyboard.press('Tab');
      expect(await phone.page.evaluate(() => document.activeElement?.textContent)).toBe(expected);
    }
    await phone.page.keyboard.press('Enter');
    await phone.page.waitForSelector('nav.views a[href="#charts"][aria-current="page"]');
    await phone.page.focus('a.skip');
    await phone.page.keyboard.press('Enter');
    expect(await phone.page.evaluate(() => [document.activeElement?.id, location.hash])).toEqual(['main', '#charts']);
    expect(phone.complaints).toEqual([]);
    await phone.page.context().close();
  });

  it('complained about nothing', async () => {
    await open('overview');
    expect(await page.evaluate(contrasts)).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });
});

/** Runs in the page: texts whose contrast to what is behind them is less than 4.5 to 1. */
function contrasts(): string[] {
  const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r = 0, g = 0, b = 0]: number[]): number => {
    const [x = 0, y = 0, z = 0] = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if ((color[3] ?? 1) === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor: string[] = [];
  for (const element of document.querySelectorAll('h1, h2, h3, p, a, b, span, small, dt, dd, button, time')) {
    const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    if (!text || !element.checkVisibility()) continue;
    const front = luminance(channels(getComputedStyle(element).color));
    const back = luminance(behind(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
