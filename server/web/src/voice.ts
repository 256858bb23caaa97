// Speaking aloud, with the voice that the device has.

/** say speaks a text, instead of whatever is being said. It returns whether
 * there is a voice for the language. */
export function say(text: string, locale: string): boolean {
  const speech = window.speechSynthesis as SpeechSynthesis | undefined;
  if (!speech) return false;
  const voice = speech.getVoices().find((v) => v.lang.replace("_", "-").toLowerCase().startsWith(locale.slice(0, 2).toLowerCase()));
  if (!voice) return false;
  const words = new SpeechSynthesisUtterance(text);
  words.voice = voice;
  words.lang = voice.lang;
  speech.cancel();
  speech.speak(words);
  return true;
}

export function hush() {
  (window.speechSynthesis as SpeechSynthesis | undefined)?.cancel();
}
