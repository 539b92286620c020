/** y = base + slope · x */
export interface Line {
  base: number;
  slope: number;
  /** Part of the variation that the line explains: 1 is all of it. */
  r2: number;
}

export interface Point {
  x: number;
  y: number;
}

/** A cost never falls for ever: where the line would, the mean is what there is to say. */
export function fitCost(points: readonly Point[]): Line {
  const line = fitLine(points);
  if (line.slope >= 0) return line;
  return { base: points.reduce((sum, { y }) => sum + y, 0) / points.length, slope: 0, r2: 0 };
}

/** Least squares. */
export function fitLine(points: readonly Point[]): Line {
  const n = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  const xx = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const xy = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const yy = points.reduce((sum, { y }) => sum + (y - meanY) ** 2, 0);
  const slope = xx === 0 ? 0 : xy / xx;
  const base = meanY - slope * meanX;
  const rest = points.reduce((sum, { x, y }) => sum + (y - base - slope * x) ** 2, 0);
  return { base, slope, r2: yy === 0 ? 1 : 1 - rest / yy };
}

export function at({ base, slope }: Line, x: number): number {
  return base + slope * x;
}

/** Operations a second that fill one core. */
export function saturation(microseconds: number): number {
  return 1_000_000 / microseconds;
}
