/** The address that the admin server listens on, as people write it. */
import { parseAddress, type Address } from '../runtime/address.js';

/** What `parseAdmin` accepts, for error messages. */
export const adminExpected = '"off", or an address of this machine as host:port, such as 127.0.0.1:8787';

/** Undefined: invalid. */
export const parseAdmin = (given: string): Address | 'off' | undefined =>
  given === 'off' ? 'off' : parseAddress(given);
