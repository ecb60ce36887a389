import { generate } from 'selfsigned';

/** For the fronts whose clients insist on TLS: a certificate for loopback and the authority that signed it. PEM. */
export interface LoopbackCertificate {
  readonly certificateAuthority: string;
  readonly certificate: string;
  readonly privateKey: string;
}

const DAY_MS = 86_400_000;

/**
 * Makes a fresh authority, forgets its key, and keeps one certificate for 127.0.0.1, ::1 and localhost. Valid from an hour
 * ago for a year of real time, which is what TLS clients check, whatever the world's clock says.
 */
export async function createLoopbackCertificate(): Promise<LoopbackCertificate> {
  const validity = {
    notBeforeDate: new Date(Date.now() - DAY_MS / 24),
    notAfterDate: new Date(Date.now() + 365 * DAY_MS),
    algorithm: 'sha256',
    keyType: 'ec' as const,
  };
  const authority = await generate([{ name: 'commonName', value: 'Emulated clouds' }], {
    ...validity,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...validity,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificateAuthority: authority.cert, certificate: leaf.cert, privateKey: leaf.private };
}
