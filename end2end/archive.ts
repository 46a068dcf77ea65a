/**
 * Makes what people upload: a chaincode package as the official tools make it, a gzip tar in a gzip tar. Only what
 * a test needs of the tar format: short names, plain files.
 */
import { gzipSync } from 'node:zlib';

const BLOCK = 512;

/** A package of type ccaas. */
export function chaincodePackage(label: string, address: string): Buffer {
  const connection = { address, dial_timeout: '10s', tls_required: false };
  const code = packed({ 'connection.json': Buffer.from(JSON.stringify(connection)) });
  const metadata = { path: '', type: 'ccaas', label };
  return packed({ 'metadata.json': Buffer.from(JSON.stringify(metadata)), 'code.tar.gz': code });
}

function packed(files: Readonly<Record<string, Buffer>>): Buffer {
  const entries = Object.entries(files).flatMap(([name, content]) => [header(name, content.length), padded(content)]);
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]));
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  block.write(name, 0);
  block.write(`${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100);
  block.write(`${octal(size, 11)}\0${octal(0, 11)}\0`, 124);
  // The sum is taken over the header with blanks in its place.
  block.write('        0', 148);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}
