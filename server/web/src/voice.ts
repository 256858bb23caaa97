// Speaking aloud: a voice pack's recording where the station has one, else the
// device's own voice, else what the server renders, else nothing but the words
// on the screen.

import type { Screen } from "./screen";
import { headers, soundPath } from "./screen";

/** Whether the screen can be heard: it is not known yet, it can, the browser
 * wants somebody to touch the screen first, or there is no voice at all. */
export type Hearing = "unknown" | "heard" | "blocked" | "none";

/** silence is a tenth of a second of it: 8 bits, 8000 samples a second. */
function silence(): Blob {
  const n = 800;
  const file = new DataView(new ArrayBuffer(44 + n));
  const put = (at: number, text: string) => [...text].forEach((c, i) => file.setUint8(at + i, c.charCodeAt(0)));
  put(0, "RIFF"); file.setUint32(4, 36 + n, true); put(8, "WAVEfmt ");
  file.setUint32(16, 16, true); file.setUint16(20, 1, true); file.setUint16(22, 1, true);
  file.setUint32(24, 8000, true); file.setUint32(28, 8000, true); file.setUint16(32, 1, true); file.setUint16(34, 8, true);
  put(36, "data"); file.setUint32(40, n, true);
  for (let i = 0; i < n; i++) file.setUint8(44 + i, 128);
  return new Blob([file.buffer], { type: "audio/wav" });
}

/** deviceVoice is the device's own voice for a language. */
function deviceVoice(language: string): SpeechSynthesisVoice | undefined {
  const speech = window.speechSynthesis as SpeechSynthesis | undefined;
  return speech?.getVoices().find((v) => v.lang.replace("_", "-").toLowerCase().startsWith(language.slice(0, 2).toLowerCase()));
}

/** Speaker is one screen's voice. It has one audio element for ever: browsers
 * that want a touch want it for each. */
export class Speaker {
  private readonly audio = new Audio();
  private screen: Screen | undefined;
  /** What is to be said as soon as the settings are known. */
  private pending: (() => void) | undefined;
  private url = "";
  /** Grows with everything that is said, so that what comes late is not. */
  private turn = 0;

  constructor(private readonly station: string, private readonly on: (h: Hearing) => void) {
    this.audio.dataset.testid = "voice";
  }

  /** open begins; it returns how to end. */
  open(): () => void {
    document.body.append(this.audio);
    (window.speechSynthesis as SpeechSynthesis | undefined)?.getVoices(); // some browsers load them when they are first asked for
    void this.probe();
    return () => {
      this.hush();
      this.audio.remove();
    };
  }

  /** follow takes the station's settings as they are now. */
  follow(screen: Screen) {
    this.screen = screen;
    const say = this.pending;
    this.pending = undefined;
    say?.();
  }

  /** probe finds out whether the browser lets the page be heard; called when
   * somebody touches the screen, it makes it. */
  async probe() {
    const turn = ++this.turn;
    try {
      await this.play(silence());
      this.on("heard");
    } catch (e) {
      if (turn === this.turn && refused(e)) this.on("blocked");
    }
  }

  hush() {
    this.turn++;
    this.pending = undefined;
    this.audio.pause();
    (window.speechSynthesis as SpeechSynthesis | undefined)?.cancel();
  }

  /** say speaks a sentence by its key, instead of whatever is being said. text
   * is the same sentence for the device's own voice. */
  async say(key: string, text: string, language: string) {
    this.hush();
    const turn = this.turn, screen = this.screen;
    if (!screen) {
      this.pending = () => void this.say(key, text, language);
      return;
    }
    if (screen.volume === 0) return;
    const volume = screen.volume / 100;
    const own = deviceVoice(language);
    const pack = screen.voice.pack !== "" && language === screen.language;
    if (own && !pack) return this.utter(own, text, volume);
    if (pack || screen.voice.renders) {
      const sound = await this.fetch(key, language);
      if (turn !== this.turn) return;
      if (sound) {
        try {
          this.audio.volume = volume;
          await this.play(sound);
          this.on("heard");
          return;
        } catch (e) {
          if (turn !== this.turn) return;
          if (refused(e)) return this.on("blocked");
        }
      }
    }
    if (own) this.utter(own, text, volume);
    else this.on("none");
  }

  private utter(voice: SpeechSynthesisVoice, text: string, volume: number) {
    const words = new SpeechSynthesisUtterance(text);
    words.voice = voice;
    words.lang = voice.lang;
    words.volume = volume;
    words.onstart = () => this.on("heard");
    words.onerror = (e) => { if (e.error === "not-allowed") this.on("blocked"); };
    window.speechSynthesis.speak(words);
  }

  private async play(sound: Blob) {
    const last = this.url;
    this.url = URL.createObjectURL(sound);
    this.audio.src = this.url;
    if (last) URL.revokeObjectURL(last);
    await this.audio.play();
  }

  private async fetch(key: string, language: string): Promise<Blob | undefined> {
    try {
      const reply = await fetch(soundPath(this.station, key, language, this.screen?.voice.version ?? ""), {
        headers: headers(this.station), credentials: "same-origin", signal: AbortSignal.timeout(5_000),
      });
      return reply.ok ? await reply.blob() : undefined;
    } catch {
      return undefined; // the network, and the worker has not kept it
    }
  }
}

const refused = (e: unknown) => e instanceof DOMException && e.name === "NotAllowedError";

/** needsSounds reports whether the server's sounds are to be heard at all. */
export function needsSounds(screen: Screen): boolean {
  return screen.volume > 0 && (screen.voice.pack !== "" || (screen.voice.renders && !deviceVoice(screen.language)));
}
