/**
 * The portal's stream of events as a program reads it: by hand, so that a test can break it and go on from an event.
 */

/** One line of an operation's record. */
export interface Line {
  readonly sequence: number;
  readonly operation: string;
}

export class Stream {
  readonly lines: Line[] = [];
  private readonly decoder = new TextDecoder();
  private text = '';

  private constructor(
    private readonly reader: ReadableStreamDefaultReader<Uint8Array>,
    private readonly breaking: AbortController,
  ) {}

  /** Opens the stream; behind an event, or where it is now. It stands when this returns. */
  static async open(address: string, cookie: string, behind?: number): Promise<Stream> {
    const breaking = new AbortController();
    const resumed: Record<string, string> = behind === undefined ? {} : { 'last-event-id': `${behind}` };
    const headers = { cookie, ...resumed };
    const answer = await fetch(address, { headers, signal: breaking.signal });
    if (answer.status !== 200 || answer.body === null) {
      throw new Error(`${address}: ${answer.status}`);
    }
    return new Stream(answer.body.getReader(), breaking);
  }

  /** Reads on until there are so many lines; a stream that stays silent ends with the time of its test. */
  async until(count: number): Promise<readonly Line[]> {
    while (this.lines.length < count) {
      const { done, value } = await this.reader.read();
      if (done) {
        throw new Error(`the stream ended after ${this.lines.length} lines`);
      }
      this.text += this.decoder.decode(value, { stream: true });
      this.take();
    }
    return this.lines;
  }

  /** Breaks the connection, as a network does. */
  break(): void {
    this.breaking.abort();
  }

  /** Takes the events that have come whole. */
  private take(): void {
    const events = this.text.split('\n\n');
    this.text = events.pop() ?? '';
    for (const event of events) {
      const fields = new Map(event.split('\n').map(nameAndValue));
      if (fields.get('event') === 'operation') {
        const { operation } = JSON.parse(fields.get('data') ?? '{}') as { operation: string };
        this.lines.push({ sequence: Number(fields.get('id')), operation });
      }
    }
  }
}

function nameAndValue(field: string): [string, string] {
  const [name = '', ...rest] = field.split(':');
  return [name, rest.join(':').trim()];
}
