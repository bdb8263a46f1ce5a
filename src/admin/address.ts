/** Where the admin server listens, as people write it. */
import { parseAddress, type Address } from '../runtime/address.js';

/** What `parseAdmin` takes, for errors. */
export const adminExpected = '"off", or an address of this machine as host:port, such as 127.0.0.1:8787';

/** Undefined where it is none of them. */
export const parseAdmin = (given: string): Address | 'off' | undefined =>
  given === 'off' ? 'off' : parseAddress(given);
