import { useEffect, useRef, useState } from "react";
import type { Taxonomy } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { answer, follow, keptTaxonomy, place, shown, taxonomy } from "./screen";
import type { Screen, ScreenPrompt, Thanks } from "./screen";
import "./screen.css";
import { TaxonomyProvider, useTaxonomy } from "./taxonomy";
import { hush, say } from "./voice";

/** How long thanks, and how a prompt ended, stay on the screen. */
const thanksFor = 4_000, endFor = 8_000;

/** How long a receipt stands in the corner after that: the next deposit must
 * not take it away. */
const receiptFor = 45_000;

interface State {
  screen?: Screen;
  open: ScreenPrompt[];
  /** The prompt that has just ended, and the last thanks. */
  ended?: ScreenPrompt;
  thanks?: Thanks;
  receipt?: string;
  connected: boolean;
  refused: boolean;
  /** The server's clock less this device's, in ms. */
  offset: number;
}

function useScreen(station: string) {
  const [state, setState] = useState<State>({ open: [], connected: false, refused: false, offset: 0 });
  const last = useRef<ScreenPrompt[]>([]);
  useEffect(() => {
    const timers: ReturnType<typeof setTimeout>[] = [];
    let offset = 0;
    // What the server says of a prompt's end may not come through: nothing
    // stays on the screen after its time.
    const expire = (p: ScreenPrompt) => {
      timers.push(setTimeout(() => {
        last.current = last.current.filter((o) => o.id !== p.id);
        setState((s) => ({ ...s, open: s.open.filter((o) => o.id !== p.id) }));
      }, Math.max(0, Date.parse(p.prompt.until) - offset - Date.now())));
    };
    const stop = follow(station, {
      screen: (screen) => {
        offset = Date.parse(screen.now) - Date.now();
        last.current = screen.prompts;
        screen.prompts.forEach(expire);
        setState((s) => ({ ...s, screen, open: screen.prompts, offset, refused: false }));
      },
      prompt: (p) => {
        if (p.prompt.state === "open") expire(p);
        const known = last.current.some((o) => o.id === p.id);
        last.current = place(last.current, p);
        const open = last.current;
        if (p.prompt.state === "open") {
          if (!known) void shown(station, p.id);
          setState((s) => ({ ...s, open, ended: undefined, thanks: undefined }));
          return;
        }
        setState((s) => ({ ...s, open, ...(p.prompt.state === "uncorrected" ? {} : { ended: p }) }));
        timers.push(setTimeout(() => setState((s) => (s.ended?.id === p.id ? { ...s, ended: undefined } : s)), endFor));
        const { receipt } = p.prompt;
        if (receipt) {
          setState((s) => ({ ...s, receipt }));
          timers.push(setTimeout(() => setState((s) => (s.receipt === receipt ? { ...s, receipt: undefined } : s)), receiptFor));
        }
      },
      thanks: (t) => {
        setState((s) => ({ ...s, thanks: t }));
        timers.push(setTimeout(() => setState((s) => (s.thanks?.id === t.id ? { ...s, thanks: undefined } : s)), thanksFor));
      },
      connected: (connected) => setState((s) => ({ ...s, connected })),
      refused: () => setState((s) => ({ ...s, refused: true })),
    });
    return () => {
      stop();
      timers.forEach(clearTimeout);
    };
  }, [station]);
  return state;
}

/** ScreenPage is what hangs at the bins: nobody scrolls it, and most who read
 * it stand two metres away. */
export function ScreenPage({ station }: { station: string }) {
  const [table, setTable] = useState<Taxonomy | undefined>(keptTaxonomy);
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const load = () => taxonomy(station).then(setTable, () => { timer = setTimeout(load, 5_000); });
    void load();
    return () => clearTimeout(timer);
  }, [station, wanted]);
  const { t } = useI18n();
  if (!table) return <div className="screen"><p className="screen-note">{t("loading")}</p></div>;
  return <TaxonomyProvider taxonomy={table}><Board station={station} onTaxonomy={setWanted} /></TaxonomyProvider>;
}

function Board({ station, onTaxonomy }: { station: string; onTaxonomy: (ref: string) => void }) {
  const { t, list, toggle } = useI18n();
  const state = useScreen(station);
  const { screen, open, ended, thanks } = state;
  const inForce = screen?.taxonomy;
  useEffect(() => {
    if (inForce) onTaxonomy(inForce);
  }, [inForce, onTaxonomy]);
  const [muted, setMuted] = useState(false);
  const first = open[0];
  return (
    <div className="screen" data-testid="screen" data-state={first ? "prompt" : ended ? ended.prompt.state : thanks ? "thanks" : "idle"}>
      <header>
        <b>{screen?.name ?? station}</b>
        {!state.connected && <span className="screen-off" role="status">{state.refused ? t("screenRefused") : t("screenOffline")}</span>}
        {screen && screen.blind.length > 0 && (
          <span className="screen-off" role="status" data-testid="screen-blind">{t("screenBlind")}: {list(screen.blind.map((b) => t(`condition_${b}` as Word)))}</span>
        )}
        {state.receipt && <span className="screen-receipt">{t("receipt")} {state.receipt}</span>}
        <span className="spacer" />
        <button onClick={() => { setMuted(!muted); hush(); }} aria-pressed={muted}>{muted ? t("unmute") : t("mute")}</button>
        <button onClick={toggle}>{t("language")}</button>
      </header>
      {first ? <PromptView key={first.id} prompt={first} more={open.length - 1} station={station} bins={screen?.bins ?? []} offset={state.offset} muted={muted} connected={state.connected} />
        : ended ? <Ended prompt={ended} muted={muted} />
          : thanks ? <Thanked thanks={thanks} muted={muted} />
            : <Idle screen={screen} />}
    </div>
  );
}

function PromptView({ prompt: p, more, station, bins, offset, muted, connected }: {
  prompt: ScreenPrompt;
  more: number;
  station: string;
  bins: Screen["bins"];
  offset: number;
  muted: boolean;
  connected: boolean;
}) {
  const { t, language, list } = useI18n();
  const tax = useTaxonomy();
  const [sending, setSending] = useState(false);
  const [failed, setFailed] = useState(false);
  const left = useCountdown(Date.parse(p.prompt.until) - offset);
  const whole = (Date.parse(p.prompt.until) - Date.parse(p.prompt.opened_at)) / 1000;
  const name = (id: string) => bins.find((b) => b.id === id)?.name ?? id;
  const advice = tax.advice(p.item_class) || `${tax.itemClass(p.item_class)}: ${tax.category(p.category)}`;
  useEffect(() => {
    if (!muted) say(advice, language === "zh" ? "zh-CN" : "en-GB");
  }, [advice, language, muted]);
  const send = (outcome: "corrected" | "appealed") => {
    setSending(true);
    setFailed(false);
    void answer(station, p.id, outcome).then((done) => {
      setSending(false);
      setFailed(!done);
    });
  };
  return (
    <main className="prompt" style={{ "--category": tax.colour(p.category) } as React.CSSProperties} role="alert" data-testid="prompt" data-id={p.id}>
      <div className="prompt-words">
        <p className="prompt-what">{tax.itemClass(p.item_class)}</p>
        <p className="prompt-category" data-testid="prompt-category">{tax.category(p.category)}</p>
        <p className="prompt-advice" data-testid="prompt-advice">{advice}</p>
        <p className="prompt-where">
          {t("thrownInto")} {name(p.bin_id)}{p.goes_to.length > 0 && <> → <b>{list(p.goes_to.map(name))}</b></>}
        </p>
      </div>
      <div className="prompt-picture">
        {p.image_url ? <img src={p.image_url} alt={tax.itemClass(p.item_class)} /> : <span className="prompt-swatch" aria-hidden="true" />}
        <span className="prompt-left" style={{ "--left": Math.max(0, Math.min(1, left / whole)) } as React.CSSProperties} role="timer" aria-label={t("secondsLeft").replace("{n}", String(left))}>{left}</span>
      </div>
      <div className="prompt-buttons">
        <button className="prompt-done" disabled={sending || !connected} onClick={() => send("corrected")} data-testid="corrected">{t("screenCorrected")}</button>
        <button disabled={sending || !connected} onClick={() => send("appealed")} data-testid="appeal">{t("screenWrong")}</button>
      </div>
      {failed && <p className="prompt-failed" role="status">{t("screenNotSent")}</p>}
      {more > 0 && <p className="prompt-more">{t("screenMore").replace("{n}", String(more))}</p>}
    </main>
  );
}

function Ended({ prompt: p, muted }: { prompt: ScreenPrompt; muted: boolean }) {
  const { t, language } = useI18n();
  const appealed = p.prompt.state === "appealed";
  const words = appealed ? t("screenAppealed") : t("screenThanksCorrected");
  useEffect(() => {
    if (!muted) say(words, language === "zh" ? "zh-CN" : "en-GB");
  }, [words, language, muted]);
  return (
    <main className={appealed ? "thanked appealed" : "thanked"} role="status" data-testid="ended">
      <p className="thanked-big">{words}</p>
      {appealed && <p className="thanked-code" data-testid="receipt">{p.prompt.receipt}</p>}
      {appealed && <p>{t("screenReceipt")}</p>}
    </main>
  );
}

function Thanked({ thanks, muted }: { thanks: Thanks; muted: boolean }) {
  const { t, language } = useI18n();
  const tax = useTaxonomy();
  const words = t("screenThanks");
  useEffect(() => {
    if (!muted) say(words, language === "zh" ? "zh-CN" : "en-GB");
  }, [thanks.id, words, language, muted]);
  return (
    <main className="thanked" role="status" data-testid="thanks">
      <p className="thanked-big">{words}</p>
      <p>{tax.itemClass(thanks.item_class)} · {tax.category(thanks.category)}</p>
    </main>
  );
}

function Idle({ screen }: { screen: Screen | undefined }) {
  const { t, list } = useI18n();
  const tax = useTaxonomy();
  return (
    <main className="idle">
      <p className="idle-title">{t("screenIdle")}</p>
      <div className="idle-bins">
        {screen?.bins.map((b) => (
          <div key={b.id} style={{ "--category": tax.colour(b.accepts[0] ?? "") } as React.CSSProperties}>
            <b>{list(b.accepts.map((a) => tax.category(a)))}</b>
            <span>{b.name}</span>
          </div>
        ))}
      </div>
    </main>
  );
}

/** useCountdown is the whole seconds until a moment. */
function useCountdown(until: number): number {
  const seconds = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000))), 200);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}
