/**
 * Starts the portal under test: a process of its own on a free port, with a data folder that is thrown away.
 *
 * `cargo xtask test` says by environment which binary, site and engine to use: HEDDLE_BIN, HEDDLE_SITE,
 * HEDDLE_TEST_DOCKER. A test that wants to kill or restart the portal does it here, so that the end of the test
 * still ends whatever runs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 30_000;
const STOP_MS = 15_000;
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** What a browser has to know of a portal, wherever that runs. */
export type Reached = Pick<Portal, 'url' | 'setupToken'>;

export class Portal {
  private child: ChildProcess | undefined;
  /** Everything the portal has written since its last start. */
  output = '';

  private constructor(
    readonly url: string,
    private readonly port: number,
    private readonly data: string,
    private readonly flags: readonly string[],
  ) {}

  /** Starts a portal with an empty database; `flags` are added to its command line. */
  static async start(flags: readonly string[] = []): Promise<Portal> {
    const port = await freePort();
    const data = await mkdtemp(join(tmpdir(), 'heddle-portal-'));
    const portal = new Portal(`http://127.0.0.1:${port}`, port, data, flags);
    await portal.resume();
    return portal;
  }

  /** Starts the process again on the same data, and waits until it is ready. */
  async resume(): Promise<void> {
    this.output = '';
    const child = spawn(
      required('HEDDLE_BIN'),
      [
        '--listen',
        `127.0.0.1:${this.port}`,
        '--data',
        this.data,
        '--local-engine',
        required('HEDDLE_TEST_DOCKER'),
        ...this.flags,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, LEPTOS_OUTPUT_NAME: 'heddle', LEPTOS_SITE_ROOT: required('HEDDLE_SITE') },
      },
    );
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.child = child;
    await this.until(START_MS, 'ready', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  /** The one-time token for the setup page, as the portal prints it. */
  async setupToken(): Promise<string> {
    const pattern = /token\W+([A-Za-z0-9_-]{16,})/i;
    await this.until(START_MS, 'a setup token', async () => pattern.test(this.output));
    return pattern.exec(this.output)?.[1] ?? '';
  }

  /** Ends the process at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends the process in an orderly way and removes its data. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await rm(this.data, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(late);
  }

  /** Asks again and again until a condition holds; a portal that has ended cannot fulfil any. */
  private async until(limitMs: number, what: string, condition: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + limitMs;
    for (;;) {
      if (await condition().catch(() => false)) {
        return;
      }
      const exit = this.child?.exitCode ?? null;
      if (exit !== null || Date.now() > end) {
        const state = exit === null ? `not there after ${limitMs} ms` : `the portal ended with ${exit}`;
        await this.end('SIGKILL');
        throw new Error(`${what}: ${state}\n${this.output.slice(-4_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`${name} is not set: run the browser tests with \`cargo xtask test --only browser\``);
  }
  return value;
}

/** A port that was free a moment ago; the portal itself needs it fixed, because a restart keeps its address. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') {
          resolve(address.port);
        } else {
          reject(new Error('no free port'));
        }
      });
    });
  });
}
