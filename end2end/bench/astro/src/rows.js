// A thousand rows with two UUIDs each, made once: rendering is what is measured.
import { randomUUID } from 'node:crypto';

export const rows = Array.from({ length: 1000 }, () => ({ id: randomUUID(), name: randomUUID() }));
