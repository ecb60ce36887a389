import type { AcceleratorName } from '../../domain/accelerators.ts';

/**
 * How hard an accelerator is to get, 0 (always there) … 1 (hardly ever). Our own judgement of 2026, not a measurement: it
 * only shapes the emulated capacity, spot prices and interruptions.
 */
const SCARCITY: Readonly<Record<AcceleratorName, number>> = {
  'GB200-186GB': 0.97,
  'B300-288GB-SXM': 0.97,
  'B200-180GB-SXM': 0.93,
  'H200-141GB-SXM': 0.88,
  'H100-80GB-SXM': 0.82,
  'H100-94GB-NVL': 0.75,
  'H100-80GB-PCIE': 0.72,
  'A100-80GB': 0.68,
  MI300X: 0.65,
  'A100-40GB': 0.58,
  'GH200-96GB': 0.55,
  'RTX-PRO-6000': 0.5,
  L40S: 0.42,
  'V100-32GB': 0.42,
  'V100-16GB': 0.38,
  P100: 0.35,
  A6000: 0.34,
  A10: 0.28,
  A10G: 0.26,
  M60: 0.25,
  P4: 0.25,
  'RTX-6000-24GB': 0.22,
  L4: 0.15,
  T4G: 0.15,
  T4: 0.1,
};

const UNKNOWN_SCARCITY = 0.5;

export function scarcityOf(accelerator: AcceleratorName): number {
  return SCARCITY[accelerator] ?? UNKNOWN_SCARCITY;
}
