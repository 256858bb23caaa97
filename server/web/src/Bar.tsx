/** Bar is one share of a whole, with its name and figure. */
export function Bar({ label, share, colour, text, mark }: { label: string; share: number; colour: string; text: string; mark?: string }) {
  return (
    <div className="bar">
      <span>{label} {mark}</span>
      <span className="track"><span style={{ width: `${100 * share}%`, background: colour }} /></span>
      <span className="figure">{text}</span>
    </div>
  );
}
