import { useCallback, useEffect, useRef, useState } from "react";
import { api, Problem } from "./api";
import type { Sample, UploadResult } from "./api";
import { Notice } from "./Notice";
import { ClassSelect } from "./ReviewForm";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { useTaxonomy } from "./taxonomy";

export function SamplesPage({ admin }: { admin: boolean }) {
  const { t } = useI18n();
  const [samples, setSamples] = useState<Sample[]>();
  const [next, setNext] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const load = useCallback((cursor?: string) => {
    api.samples(cursor).then(
      (page) => {
        setSamples((before) => (cursor ? [...(before ?? []), ...page.items] : page.items));
        setNext(page.next_cursor);
        setProblem(undefined);
      },
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
      },
    );
  }, []);
  const [gone, setGone] = useState(false);
  const forget = (id: string) => {
    setSamples((before) => before?.filter((s) => s.id !== id));
    setGone(true);
  };
  useEffect(() => load(), [load]);
  return (
    <div className="samples">
      <Upload onDone={() => { setGone(false); load(); }} />
      {gone && <p className="good" role="status" data-testid="sample-deleted">✓ {t("sampleDeleted")}</p>}
      {problem && <Notice problem={problem} onRetry={() => load()} />}
      {!samples && !problem && <p className="quiet">{t("loading")}</p>}
      {samples?.length === 0 && <p className="panel quiet">{t("noSamples")}</p>}
      <div className="grid">{samples?.map((s) => <SampleCard key={s.id} sample={s} onDeleted={admin ? forget : undefined} />)}</div>
      {next && <button onClick={() => load(next)}>{t("more")}</button>}
      {samples && samples.length > 0 && (
        <p className="quiet">
          {t("exportHelp")} <code>bin/binside export --out samples</code>
        </p>
      )}
    </div>
  );
}

function SampleCard({ sample: s, onDeleted }: { sample: Sample; onDeleted: ((id: string) => void) | undefined }) {
  const { t, time } = useI18n();
  const tax = useTaxonomy();
  const [asking, setAsking] = useState(false);
  return (
    <figure className="sample" style={{ "--category": tax.colour(s.category) } as React.CSSProperties} data-testid="sample">
      <img src={s.url} alt="" loading="lazy" />
      {onDeleted && asking ? <DeleteSample id={s.id} onClose={() => setAsking(false)} onDeleted={onDeleted} /> : (
        <figcaption>
          <strong>{s.item_class ? tax.itemClass(s.item_class) : tax.category(s.category)}</strong>
          <span className="quiet">{tax.category(s.category)} · {t(`from_${s.source}` as Word)} · {s.labelled_by} · {time(s.labelled_at)}</span>
          {onDeleted && <button className="danger" data-testid="sample-delete" aria-label={t("sampleDelete")} onClick={() => setAsking(true)}>{t("sampleDeleteYes")}</button>}
        </figcaption>
      )}
    </figure>
  );
}

function DeleteSample({ id, onClose, onDeleted }: { id: string; onClose: () => void; onDeleted: (id: string) => void }) {
  const { t } = useI18n();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const remove = () => {
    setBusy(true);
    setProblem(undefined);
    api.deleteSample(id).then(() => onDeleted(id), (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      // Somebody else was first: it is gone as well.
      if (p.status === 404) return onDeleted(id);
      setProblem(p);
      setBusy(false);
    });
  };
  return (
    <div className="sample-sure" role="alertdialog" aria-label={t("sampleDelete")} onKeyDown={(e) => { if (e.key === "Escape" && !busy) onClose(); }}>
      <span>{t("sampleDeleteSure")}</span>
      {problem && <Notice problem={problem} />}
      <span className="line">
        <button className="danger" disabled={busy} data-testid="sample-delete-sure" onClick={remove}>{t("sampleDeleteYes")}</button>
        <button autoFocus disabled={busy} onClick={onClose}>{t("cancel")}</button>
      </span>
    </div>
  );
}

function Upload({ onDone }: { onDone: () => void }) {
  const i18n = useI18n();
  const { t, list } = i18n;
  const tax = useTaxonomy();
  const input = useRef<HTMLInputElement>(null);
  const running = useRef<AbortController>(null);
  const [files, setFiles] = useState<File[]>([]);
  const [category, setCategory] = useState("");
  const [itemClass, setItemClass] = useState("");
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<UploadResult>();
  const [problem, setProblem] = useState<Problem>();
  const send = () => {
    const abort = new AbortController();
    running.current = abort;
    setBusy(true);
    setResult(undefined);
    setProblem(undefined);
    api.upload(files, category, itemClass, abort.signal).then(
      (r) => {
        setResult(r);
        setFiles([]);
        onDone();
      },
      (p: unknown) => {
        if (p instanceof Problem) setProblem(p);
        else if (!abort.signal.aborted) throw p;
      },
    ).finally(() => setBusy(false));
  };
  return (
    <section className="panel upload">
      <h2>{t("upload")}</h2>
      <button
        className="drop"
        onClick={() => input.current?.click()}
        onDragOver={(e) => e.preventDefault()}
        onDrop={(e) => {
          e.preventDefault();
          setFiles([...e.dataTransfer.files]);
        }}
      >
        {files.length === 0 ? t("uploadHelp") : list(files.map((f) => f.name))}
      </button>
      <input ref={input} type="file" multiple accept="image/jpeg,image/png" hidden data-testid="files" onChange={(e) => setFiles([...(e.target.files ?? [])])} />
      <div className="choices">
        <span>{t("uploadLabel")}</span>
        <select value={category} onChange={(e) => { setCategory(e.target.value); setItemClass(""); }} data-testid="upload-category">
          <option value="">{t("choose")}…</option>
          {tax.taxonomy.categories.map((c) => <option key={c.id} value={c.id}>{tax.category(c.id)}</option>)}
        </select>
        <span>{t("orClass")}</span>
        <ClassSelect value={itemClass} onChange={(c) => { setItemClass(c); setCategory(tax.categoryOf(c) ?? ""); }} />
        <button className="primary" disabled={busy || files.length === 0 || category === ""} onClick={send} data-testid="upload">
          {busy ? t("uploading") : t("uploadSend")}
        </button>
        {busy && <button onClick={() => running.current?.abort()}>{t("cancel")}</button>}
      </div>
      {problem && <Notice problem={problem} />}
      {result && (
        <div data-testid="upload-result" role="status">
          <p>{result.accepted.length} {t("accepted")}, {result.refused.length} {t("refused")}</p>
          <ul>
            {result.refused.map((r) => <li key={r.filename}><b>{r.filename}</b>: {i18n.problem(new Problem(r.problem))}</li>)}
          </ul>
        </div>
      )}
    </section>
  );
}
