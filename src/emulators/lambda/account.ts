/** What the emulated account holds beside machines. */

/** Launches name exactly one SSH key; this is the only one there is. */
export const SSH_KEY = {
  id: 'f'.repeat(32),
  name: 'gpu-broker',
  public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmulated gpu-broker',
} as const;

/** Image families of every region. A launch without an image gets the latest Lambda Stack. */
export const IMAGE_FAMILIES: readonly string[] = ['lambda-stack-22-04', 'lambda-stack-24-04', 'gpu-base-24-04'];
export const DEFAULT_IMAGE_FAMILY = 'lambda-stack-22-04';
