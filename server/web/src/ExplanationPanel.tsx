import { useCallback, useEffect, useState } from "react";
import { api, Problem } from "./api";
import type { Box, Evidence, Explanation, HeatMap, Margin } from "./api";
import { Bar } from "./Bar";
import { Notice } from "./Notice";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { position } from "./scale";
import { useTaxonomy } from "./taxonomy";

/** Heat is a heat map that is ready to be laid over its evidence picture. */
export interface Heat {
  /** url is of a picture in the browser's memory. */
  url: string;
  map: HeatMap;
}

type Making = { state: "making"; done: number; total: number } | { state: "failed"; problem: Problem } | { state: "over" };

/** How often the progress of a heat map is asked for, in milliseconds. */
const progressEvery = 300;

/** follow reads an inspection's explanation and has its heat map made, until
 * the signal ends it, here and on the server. */
async function follow(id: string, signal: AbortSignal, on: {
  explanation: (e: Explanation) => void;
  heat: (picture: Blob, map: HeatMap) => void;
}): Promise<void> {
  const first = await api.explanation(id, signal);
  on.explanation(first);
  if (first.heat_map.state === "unavailable") return;
  const progress = setInterval(() => {
    // One that fails or comes late is of no interest: the picture's own
    // request tells how it went.
    api.explanation(id, signal).then((e) => e.heat_map.state === "running" && on.explanation(e), () => undefined);
  }, progressEvery);
  let picture: Blob;
  try {
    picture = await api.heatMap(id, signal);
  } finally {
    clearInterval(progress);
  }
  const last = await api.explanation(id, signal);
  if (last.heat_map.state !== "ready") {
    throw new Problem({ type: "urn:binside:problem:model-changed", title: "The model was changed meanwhile", status: 503 });
  }
  on.explanation(last);
  on.heat(picture, last.heat_map);
}

/** useExplanation follows one inspection's explanation while it is mounted. */
function useExplanation(id: string, onHeat: (heat: Heat | undefined) => void) {
  const [explanation, setExplanation] = useState<Explanation>();
  const [problem, setProblem] = useState<Problem>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let url: string | undefined;
    follow(id, stop.signal, {
      explanation: (e) => !stop.signal.aborted && setExplanation(e),
      heat: (picture, map) => {
        if (stop.signal.aborted) return;
        url = URL.createObjectURL(picture);
        onHeat({ url, map });
      },
    }).catch((p: unknown) => {
      if (stop.signal.aborted) return;
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    });
    return () => {
      stop.abort();
      onHeat(undefined);
      if (url) URL.revokeObjectURL(url);
    };
  }, [id, onHeat, attempt]);
  const retry = useCallback(() => {
    setProblem(undefined);
    setAttempt((n) => n + 1);
  }, []);
  return { explanation, problem, retry };
}

/** ExplanationPanel says why an inspection was decided as it was, and hands
 * its heat map to whoever shows the picture. */
export function ExplanationPanel({ id, onHeat }: { id: string; onHeat: (heat: Heat | undefined) => void }) {
  const { t, text, percent } = useI18n();
  const tax = useTaxonomy();
  const { explanation: e, problem, retry } = useExplanation(id, onHeat);
  if (!e) return problem ? <Notice problem={problem} onRetry={retry} /> : <p className="quiet">{t("loading")}</p>;
  return (
    <section className="explanation" data-testid="explanation">
      <p className="sentence" data-testid="sentence">{text(e.sentence, "")}</p>
      <h3>{t("classes")}</h3>
      {e.classes.map((c) => (
        <Bar key={c.class} label={text(c.name, c.class)} share={c.probability} colour={tax.colour(c.category)} text={percent(c.probability, 1)} />
      ))}
      {e.margins.length > 0 && <h3>{t("margins")}</h3>}
      {e.margins.map((m) => <Scale key={m.quantity} margin={m} />)}
      {e.margins.length > 0 && e.thresholds_of === "now" && <p className="quiet">{t("thresholdsNow")}</p>}
      <Frames frames={e.frames} />
      <h3>{t("heatMap")}</h3>
      <HeatState explanation={e} making={makingOf(e, problem)} onRetry={retry} />
    </section>
  );
}

function makingOf({ heat_map: h }: Explanation, problem: Problem | undefined): Making {
  if (problem) return { state: "failed", problem };
  if (h.state === "ready" || h.state === "unavailable") return { state: "over" };
  return { state: "making", done: h.done ?? 0, total: h.total ?? 0 };
}

/** Scale draws a value and the threshold that it must reach or, where the
 * margin says so, stay below. */
function Scale({ margin: m }: { margin: Margin }) {
  const { t, text } = useI18n();
  const figures = useFigures(m);
  return (
    <div className={`scale ${m.met ? m.effect : ""}`} data-testid={`margin-${m.quantity}`}>
      <span className="what">{text(m.name, m.quantity)} <span className="quiet">→ {t(`verdict_${m.effect}` as Word)}</span></span>
      <span className="gauge">
        <span className="value" style={{ width: `${100 * position(m, m.value)}%` }} />
        <span className="mark" style={{ left: `${100 * position(m, m.threshold)}%` }} />
      </span>
      <span className="figure">
        <b>{figures.value}</b> · {t(m.at_most ? "upperBound" : "threshold")} {figures.threshold} · {figures.distance}
      </span>
    </div>
  );
}

/** useFigures puts a margin's numbers into words: shares in per cent and their
 * distance in points, ratios and harms by the factor between them. */
function useFigures(m: Margin) {
  const { t, percent, number, figure } = useI18n();
  if (!m.logarithmic) {
    const missing = `${number(100 * Math.abs(m.threshold - m.value), 1)} ${t("points")}`;
    return { value: percent(m.value, 1), threshold: percent(m.threshold, 1), distance: m.met ? t("marginMet") : `${t("marginShort")} ${missing}` };
  }
  const factor = Math.max(m.value, m.threshold) / Math.min(m.value, m.threshold);
  const missing = Number.isFinite(factor) ? t("marginFactor").replace("{factor}", figure(factor)) : t("marginMissed");
  return { value: figure(m.value), threshold: figure(m.threshold), distance: m.met ? t("marginMet") : missing };
}

/** Frames shows what the record keeps of the deposit's frames, if anything. */
function Frames({ frames: f }: { frames: Explanation["frames"] }) {
  const { t, percent, number } = useI18n();
  if (f.agreement === undefined && f.strangeness === undefined) return null;
  return (
    <dl>
      {f.agreement !== undefined && (<><dt>{t("agreement")}</dt><dd>{percent(f.agreement)}</dd></>)}
      {f.strangeness !== undefined && (
        <><dt>{t("strangeness")}</dt><dd>{number(f.strangeness, 2)} <span className="quiet">{f.strangeness > 1 ? t("strange") : t("notStrange")}</span></dd></>
      )}
    </dl>
  );
}

function HeatState({ explanation: e, making, onRetry }: { explanation: Explanation; making: Making; onRetry: () => void }) {
  const { t, percent } = useI18n();
  const tax = useTaxonomy();
  const h = e.heat_map;
  if (making.state === "failed") return <Notice problem={making.problem} onRetry={onRetry} />;
  if (making.state === "making") {
    return (
      <label className="making" data-testid="heat-making">
        <span className="quiet">{t("heatMaking")} {making.total > 0 && `${making.done}/${making.total}`}</span>
        {making.total > 0 ? <progress value={making.done} max={making.total} /> : <progress />}
      </label>
    );
  }
  if (h.state === "unavailable") return <p className="quiet">{t(`unavailable_${h.reason ?? "not-offered"}`)}</p>;
  const name = tax.category(h.category ?? "");
  return (
    <div data-testid="heat-figures">
      <dl>
        <dt>{t("heatAlone")}</dt>
        <dd>{name} {percent(h.probability ?? 0, 1)}</dd>
        {h.strongest && (<><dt>{t("heatCovered")}</dt><dd>{name} {percent(h.strongest.probability, 1)}</dd></>)}
      </dl>
      {!h.strongest && <p className="quiet">{t("heatNoPatch")}</p>}
      {!h.same_model && <p className="quiet">{t("heatOtherModel")} {h.model_version} ≠ {e.model_version}</p>}
    </div>
  );
}

/** HeatControls turns the overlay on and off and sets how strong it is. */
export function HeatControls({ category, shown, onShown, opacity, onOpacity }: {
  category: string;
  shown: boolean;
  onShown: (shown: boolean) => void;
  opacity: number;
  onOpacity: (opacity: number) => void;
}) {
  const { t } = useI18n();
  const name = useTaxonomy().category(category);
  return (
    <div className="heatControls">
      <label><input type="checkbox" checked={shown} onChange={(e) => onShown(e.target.checked)} data-testid="heat-toggle" /> {t("heatShow")}</label>
      <label>
        {t("heatOpacity")}{" "}
        <input type="range" min="10" max="100" step="5" value={100 * opacity} disabled={!shown} onChange={(e) => onOpacity(Number(e.target.value) / 100)} />
      </label>
      <span className="ramps">
        <span><i className="for" /> {t("heatFor")} {name}</span>
        <span><i className="against" /> {t("heatAgainst")} {name}</span>
      </span>
    </div>
  );
}

/** within places a box over a picture that is shown at any size. */
export function within(b: Box, e: Pick<Evidence, "width" | "height">): React.CSSProperties {
  return {
    left: `${(100 * b.min_x) / e.width}%`, top: `${(100 * b.min_y) / e.height}%`,
    width: `${(100 * (b.max_x - b.min_x)) / e.width}%`, height: `${(100 * (b.max_y - b.min_y)) / e.height}%`,
  };
}
