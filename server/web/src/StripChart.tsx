import { useI18n } from "./i18n";
import { chartSpan } from "./useLive";
import type { Sample } from "./useLive";

const width = 600, height = 150, bottom = 0.001;

/** level is how high a share of the region lies, on a logarithmic scale: an item
 * may be a hundredth of a region, or half of it. */
export const level = (area: number) => height * (1 - Math.log(Math.max(bottom, Math.min(1, area)) / bottom) / Math.log(1 / bottom));

/** StripChart shows how much of a region something covered lately, against the
 * smallest and the largest item. */
export function StripChart({ samples, least, most }: { samples: Sample[]; least: number; most: number }) {
  const { t, percent } = useI18n();
  const now = samples[samples.length - 1]?.at ?? 0;
  const x = (at: number) => width * (1 - (now - at) / chartSpan);
  const bound = (area: number) => <line className="bound" x1="0" x2={width} y1={level(area)} y2={level(area)} />;
  // Words would be stretched with the drawing.
  const name = (area: number, word: string) => <span style={{ top: `${(100 * level(area)) / height}%` }}>{word} {percent(area, 1)}</span>;
  return (
    <figure className="chart" data-testid="chart">
      <figcaption className="quiet">{t("chartTitle")}</figcaption>
      <div className="plot">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={t("chartTitle")} preserveAspectRatio="none">
        <rect className="counts" x="0" width={width} y={level(most)} height={level(least) - level(most)} />
        {samples.slice(1).map((s, i) => {
          const before = samples[i] as Sample;
          return <line key={s.at} className={`trace now-${s.state}`} x1={x(before.at)} x2={x(s.at)} y1={level(before.area)} y2={level(s.area)} />;
        })}
        {bound(least)}
        {bound(most)}
      </svg>
      {name(least, t("chartSmallest"))}
      {name(most, t("chartLargest"))}
      </div>
    </figure>
  );
}
