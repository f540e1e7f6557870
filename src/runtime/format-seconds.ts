/** As people say it. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What ends a line of progress; nothing at its end, or while it is not known. */
export function formatLeft(progress: number, etaSeconds: number | null): string {
  return etaSeconds === null || progress >= 1 ? '' : `, ${formatSeconds(etaSeconds)} left`;
}
