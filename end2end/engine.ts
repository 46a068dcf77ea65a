/**
 * What a test does to the engine behind the portal's back: another name for an image, an image that does not start,
 * an image as a file, and a look at what is there. `HEDDLE_TEST_DOCKER` names the engine by its socket.
 */
import { createWriteStream } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** The names of a chain's containers, whatever their state. */
export async function containers(chain: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`heddle.chain=${chain}`] }));
  const answer = await send('GET', `/containers/json?all=1&filters=${filters}`);
  const found = JSON.parse(answer) as { Names: string[] }[];
  return found.flatMap((one) => one.Names.slice(0, 1)).map((name) => name.replace(/^\//, ''));
}

/** Gives an image a further name. */
export async function tag(image: string, repository: string): Promise<string> {
  await send('POST', `/images/${image}/tag?repo=${encodeURIComponent(repository)}&tag=1`);
  return `${repository}:1`;
}

/** An image like that of a container, but one whose program cannot read its settings and ends at once. */
export async function spoiled(container: string, repository: string): Promise<string> {
  const change = encodeURIComponent('ENV GOMEMLIMIT=nonsense');
  const name = `repo=${encodeURIComponent(repository)}&tag=1`;
  await send('POST', `/commit?container=${container}&${name}&pause=false&changes=${change}`);
  return `${repository}:1`;
}

/** Removes names of images; one that is not there is as good as removed. */
export async function removeImages(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await send('DELETE', `/images/${name}?force=true`).catch(() => '');
  }
}

/** Writes an image to a file, as `docker save` does. */
export function saved(image: string, file: string): Promise<void> {
  const path = `/images/${image}/get`;
  return new Promise((resolve, reject) => {
    const take = (answer: IncomingMessage): void => {
      if (answer.statusCode === 200) {
        pipeline(answer, createWriteStream(file)).then(resolve, reject);
      } else {
        answer.resume();
        reject(new Error(`GET ${path}: ${answer.statusCode}`));
      }
    };
    const call = request({ socketPath: socket(), method: 'GET', path }, take);
    call.once('error', reject);
    call.end();
  });
}

function socket(): string {
  return (process.env.HEDDLE_TEST_DOCKER ?? '').replace(/^unix:\/\//, '');
}

function send(method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket(), method, path }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const status = answer.statusCode ?? 0;
        if (status >= 200 && status < 300) {
          resolve(text);
        } else {
          reject(new Error(`${method} ${path}: ${status} ${text}`));
        }
      });
    });
    call.once('error', reject);
    call.end();
  });
}
