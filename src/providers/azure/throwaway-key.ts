import { generateKeyPairSync } from 'node:crypto';

/**
 * An OpenSSH public key whose private half is dropped at once: ARM refuses a Linux machine without any way to log in, and
 * where no key is configured nobody shall be able to.
 */
export function throwawayPublicKey(): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const type = Buffer.from('ssh-ed25519');
  const blob = Buffer.concat([lengthOf(type), type, lengthOf(raw), raw]);
  return `ssh-ed25519 ${blob.toString('base64')} nobody`;
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}
