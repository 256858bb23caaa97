import { useEffect, useRef, useState } from "react";
import type { Taxonomy } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { install, prefetch } from "./offline";
import { answer, follow, keep, keptTaxonomy, place, recall, shown, taxonomy } from "./screen";
import type { Screen, ScreenPrompt, Thanks } from "./screen";
import "./screen.css";
import { TaxonomyProvider, useTaxonomy } from "./taxonomy";
import { Speaker } from "./voice";
import type { Hearing } from "./voice";

/** How long thanks, and how a prompt ended, stay on the screen. */
const thanksFor = 4_000, endFor = 8_000;

/** How long a receipt stands in the corner after that: the next deposit must
 * not take it away. */
const receiptFor = 45_000;

/** How long after a resident's choice of a language the station's own returns,
 * and how long a break in the network is not worth a word. */
const languageFor = 90_000, hiccup = 2_000;

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
  const [state, setState] = useState<State>(() => {
    const screen = recall(station);
    return { ...(screen ? { screen } : {}), open: [], connected: false, refused: false, offset: 0 };
  });
  const last = useRef<ScreenPrompt[]>([]);
  useEffect(() => {
    const timers: ReturnType<typeof setTimeout>[] = [];
    let offset = 0;
    const left = (p: ScreenPrompt) => Date.parse(p.prompt.until) - offset - Date.now();
    // What the server says of a prompt's end may not come through: nothing
    // stays on the screen after its time, which may have been put off.
    const expire = (p: ScreenPrompt) => {
      timers.push(setTimeout(() => {
        const now = last.current.find((o) => o.id === p.id);
        if (!now || left(now) > 0) return;
        last.current = last.current.filter((o) => o.id !== p.id);
        setState((s) => ({ ...s, open: last.current }));
      }, Math.max(0, left(p)) + 20));
    };
    const stop = follow(station, {
      screen: (screen) => {
        offset = Date.parse(screen.now) - Date.now();
        last.current = screen.prompts;
        screen.prompts.forEach(expire);
        keep(screen);
        setState((s) => ({ ...s, screen, open: screen.prompts, offset, refused: false }));
      },
      prompt: (p) => {
        if (p.prompt.state === "open") expire(p);
        const known = last.current.some((o) => o.id === p.id);
        last.current = place(last.current, p);
        const open = last.current;
        if (p.prompt.state === "open") {
          if (!known) afterPainting(() => void shown(station, p.id));
          setState((s) => ({ ...s, open, ended: undefined, thanks: undefined }));
          return;
        }
        const silent = p.prompt.state === "uncorrected" || p.prompt.state === "withdrawn";
        setState((s) => ({ ...s, open, ...(silent ? {} : { ended: p }) }));
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

/** afterPainting runs when what React is about to draw is to be seen: after the
 * frame that follows the next one's beginning. A hidden page paints nothing. */
function afterPainting(run: () => void) {
  if (document.hidden) run();
  else requestAnimationFrame(() => requestAnimationFrame(run));
}

/** useLanguage follows the station's language; a resident's choice is for a
 * while. */
function useLanguage(screen: Screen | undefined): () => void {
  const { language, set } = useI18n();
  const own = screen ? (screen.language === "en" ? "en" : "zh") : undefined;
  useEffect(() => {
    if (own) set(own);
  }, [own, set]);
  useEffect(() => {
    if (!own || own === language) return;
    const timer = setTimeout(() => set(own), languageFor);
    return () => clearTimeout(timer);
  }, [own, language, set]);
  return () => set(language === "zh" ? "en" : "zh");
}

/** useSpeaker is the screen's voice, and whether it can be heard. */
function useSpeaker(station: string, screen: Screen | undefined): { speaker: Speaker; hearing: Hearing } {
  const [hearing, setHearing] = useState<Hearing>("unknown");
  const [speaker] = useState(() => new Speaker(station, setHearing));
  useEffect(() => speaker.open(), [speaker]);
  useEffect(() => {
    if (screen) speaker.follow(screen);
  }, [speaker, screen]);
  return { speaker, hearing };
}

/** useLate is true when a condition has held for a while. */
function useLate(is: boolean, after: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!is) return;
    const timer = setTimeout(() => setLate(true), after);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [is, after]);
  return late;
}

/** ScreenPage is what hangs at the bins: nobody scrolls it, and most who read
 * it stand two metres away. */
export function ScreenPage({ station }: { station: string }) {
  const [table, setTable] = useState<Taxonomy | undefined>(keptTaxonomy);
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    if (!station) return;
    let timer: ReturnType<typeof setTimeout>;
    const load = () => taxonomy(station).then(setTable, () => { timer = setTimeout(load, 5_000); });
    void load();
    return () => clearTimeout(timer);
  }, [station, wanted]);
  useEffect(() => install(), []);
  const { t, language } = useI18n();
  useEffect(() => {
    document.title = `${t("screenOf")} · ${station}`;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [t, language, station]);
  if (!station) return <div className="screen"><p className="screen-note">{t("screenNone")}</p></div>;
  if (!table) return <div className="screen"><p className="screen-note">{t("loading")}</p></div>;
  return <TaxonomyProvider taxonomy={table}><Board station={station} onTaxonomy={setWanted} /></TaxonomyProvider>;
}

function Board({ station, onTaxonomy }: { station: string; onTaxonomy: (ref: string) => void }) {
  const { t } = useI18n();
  const state = useScreen(station);
  const { screen, open, ended, thanks } = state;
  const inForce = screen?.taxonomy;
  useEffect(() => {
    if (inForce) onTaxonomy(inForce);
  }, [inForce, onTaxonomy]);
  const toggle = useLanguage(screen);
  const { speaker, hearing } = useSpeaker(station, screen);
  const [muted, setMuted] = useState(false);
  const away = useLate(!state.connected, hiccup);
  useEffect(() => {
    if (screen && state.connected) void prefetch(screen);
  }, [screen, state.connected]);
  const first = open[0];
  const silent = muted || screen?.volume === 0;
  const voice = silent ? undefined : speaker;
  return (
    <div className="screen" data-testid="screen" data-state={first ? "prompt" : ended ? ended.prompt.state : thanks ? "thanks" : "idle"} data-hearing={hearing} data-connected={state.connected} onClick={() => { if (hearing === "blocked") void speaker.probe(); }}>
      <header>
        <b>{screen?.name ?? station}</b>
        {state.refused ? <span className="screen-off" role="status">{t("screenRefused")}</span>
          : away && <span className="screen-away" role="status" data-testid="screen-away">{t("screenOffline")}</span>}
        {screen && screen.silent.length > 0 && <Silence screen={screen} />}
        {state.receipt && <span className="screen-receipt">{t("receipt")} {state.receipt}</span>}
        <span className="spacer" />
        {!silent && hearing === "none" && <span className="screen-away">{t("screenSoundNone")}</span>}
        {!silent && hearing === "blocked" && first && <span className="screen-away">{t("screenSoundBlocked")}</span>}
        <button onClick={() => { setMuted(!muted); speaker.hush(); }} aria-pressed={muted}>{muted ? t("unmute") : t("mute")}</button>
        <button onClick={toggle}>{t("language")}</button>
      </header>
      {first ? <PromptView key={first.id} prompt={first} more={open.length - 1} station={station} bins={screen?.bins ?? []} offset={state.offset} voice={voice} connected={state.connected} />
        : ended ? <Ended prompt={ended} voice={voice} receiptAt={screen?.receipt_at ?? location.host} />
          : thanks ? <Thanked key={thanks.id} thanks={thanks} voice={voice} />
            : <Idle screen={screen} />}
      {!silent && hearing === "blocked" && !first && !ended && <SoundButton />}
    </div>
  );
}

/** Silence says at which bins nobody is told, and why. */
function Silence({ screen }: { screen: Screen }) {
  const { t, list } = useI18n();
  const why = (kinds: string[]) => list(kinds.map((k) => t(`condition_${k}` as Word)));
  if (screen.blind.length > 0) return <span className="screen-off" role="status" data-testid="screen-blind">{t("screenBlind")}: {why(screen.blind)}</span>;
  const names = screen.bins.filter((b) => screen.silent.some((s) => s.bin_id === b.id)).map((b) => b.name);
  const reasons = [...new Set(screen.silent.flatMap((s) => s.why))];
  return <span className="screen-off" role="status" data-testid="screen-silent">{t("screenSilent").replace("{bins}", list(names))}: {why(reasons)}</span>;
}

/** SoundButton asks for the one touch that a browser wants before a page may be
 * heard; any other does as well. */
function SoundButton() {
  const { t } = useI18n();
  return (
    <button className="screen-sound" data-testid="sound">
      <b>{t("screenSound")}</b>
      <span>{t("screenSoundWhy")}</span>
    </button>
  );
}

/** useSaying speaks a sentence when it is first to be seen, and again in another
 * language. */
function useSaying(voice: Speaker | undefined, key: string, text: string) {
  const { language } = useI18n();
  useEffect(() => {
    void voice?.say(key, text, language === "zh" ? "zh-CN" : "en");
  }, [voice, key, text, language]);
}

function PromptView({ prompt: p, more, station, bins, offset, voice, connected }: {
  prompt: ScreenPrompt;
  more: number;
  station: string;
  bins: Screen["bins"];
  offset: number;
  voice: Speaker | undefined;
  connected: boolean;
}) {
  const { t, list } = useI18n();
  const tax = useTaxonomy();
  const [sending, setSending] = useState(false);
  const [failed, setFailed] = useState(false);
  const whole = (Date.parse(p.prompt.until) - Date.parse(p.prompt.opened_at)) / 1000;
  // The two clocks differ by less than a message's way, which is no second more.
  const left = Math.min(Math.ceil(whole), useCountdown(Date.parse(p.prompt.until) - offset));
  const name = (id: string) => bins.find((b) => b.id === id)?.name ?? id;
  const advice = tax.advice(p.item_class) || `${tax.itemClass(p.item_class)}: ${tax.category(p.category)}`;
  const removed = p.prompt.removed_at ? t("screenRemoved").replace("{category}", tax.category(p.category)) : undefined;
  const key = removed ? `removed-${p.category}` : tax.advice(p.item_class) ? `class-${p.item_class}` : `category-${p.category}`;
  useSaying(voice, key, removed ?? advice);
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
        {removed ? <p className="prompt-advice prompt-removed" data-testid="prompt-removed">✓ {removed}</p>
          : <p className="prompt-advice" data-testid="prompt-advice">{advice}</p>}
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

function Ended({ prompt: p, voice, receiptAt }: { prompt: ScreenPrompt; voice: Speaker | undefined; receiptAt: string }) {
  const { t } = useI18n();
  const appealed = p.prompt.state === "appealed";
  const words = appealed ? t("screenAppealed") : t("screenThanksCorrected");
  useSaying(voice, appealed ? "appealed" : "corrected", words);
  return (
    <main className={appealed ? "thanked appealed" : "thanked"} role="status" data-testid="ended">
      <p className="thanked-big">{words}</p>
      {appealed && <p className="thanked-code" data-testid="receipt">{p.prompt.receipt}</p>}
      {appealed && <p>{t("screenReceipt")} <b className="thanked-where">{receiptAt}/receipt</b></p>}
    </main>
  );
}

function Thanked({ thanks, voice }: { thanks: Thanks; voice: Speaker | undefined }) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  const words = t("screenThanks");
  useSaying(voice, "thanks", words);
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
        {screen?.bins.map((b) => {
          const silent = screen.silent.find((s) => s.bin_id === b.id);
          return (
            <div key={b.id} style={{ "--category": tax.colour(b.accepts[0] ?? "") } as React.CSSProperties}>
              <b>{list(b.accepts.map((a) => tax.category(a)))}</b>
              <span>{b.name}</span>
              {silent && <span className="idle-silent" data-testid="silent-bin"><b>{t("screenPaused")}</b> <span>{list(silent.why.map((k) => t(`condition_${k}` as Word)))}</span></span>}
            </div>
          );
        })}
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
