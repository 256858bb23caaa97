import { useEffect, useState } from "react";
import { Problem } from "./api";
import { copy, devices, lines, purposes, reaches, scopeOf } from "./devices";
import type { IssuedToken, MQTTAddress, Purpose } from "./devices";
import { Notice } from "./Notice";
import { useI18n } from "./i18n";

const lives = [365, 90, 0] as const;

interface Place {
  /** The cameras that push. */
  cameras: { id: string; name: string }[];
  /** One of the station's bins, for the example. */
  bin: string;
}

/** IssueToken makes a narrow token for a device, and shows it once. */
export function IssueToken({ station, mqtt, onIssued, onDone }: { station: string; mqtt: MQTTAddress | undefined; onIssued: () => void; onDone: () => void }) {
  const [issued, setIssued] = useState<{ token: IssuedToken; purpose: Purpose; camera: string }>();
  const [place, setPlace] = useState<Place>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    Promise.all([devices.cameras(station), devices.bins(station)]).then(
      ([cameras, bins]) => setPlace({ cameras: cameras.items.filter((c) => c.kind === "push"), bin: bins.items[0]?.id ?? "BIN" }),
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
      },
    );
  }, [station]);
  if (problem) return <Notice problem={problem} />;
  if (!place) return null;
  if (issued) return <Issued {...issued} station={station} bin={place.bin} mqtt={mqtt} onDone={onDone} />;
  return <Form station={station} cameras={place.cameras} onCancel={onDone} onIssued={(token, purpose, camera) => { setIssued({ token, purpose, camera }); onIssued(); }} />;
}

function Form({ station, cameras, onCancel, onIssued }: {
  station: string;
  cameras: Place["cameras"];
  onCancel: () => void;
  onIssued: (token: IssuedToken, purpose: Purpose, camera: string) => void;
}) {
  const { t } = useI18n();
  const [purpose, setPurpose] = useState<Purpose>("speaker");
  const [camera, setCamera] = useState(cameras[0]?.id ?? "");
  const [name, setName] = useState("");
  const [life, setLife] = useState<number>(lives[0]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const issue = () => {
    setBusy(true);
    setProblem(undefined);
    const expires = life > 0 ? { expires_at: new Date(Date.now() + life * 86_400_000).toISOString() } : {};
    devices.issue({ name: name.trim(), scopes: [scopeOf(purpose, station, camera)], ...expires }).then(
      (token) => onIssued(token, purpose, camera),
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
        setBusy(false);
      },
    );
  };
  const lacks = purpose === "camera" && cameras.length === 0;
  return (
    <form className="issueForm" data-testid="issue-form" onSubmit={(e) => { e.preventDefault(); issue(); }}>
      <p className="quiet">{t("issueAbout")}</p>
      <label>{t("issueFor")}
        <select value={purpose} onChange={(e) => setPurpose(e.target.value as Purpose)} data-testid="issue-for">
          {purposes.map((p) => <option key={p} value={p}>{t(`device_${p}`)}</option>)}
        </select>
      </label>
      {purpose === "camera" && !lacks && (
        <label>{t("device_camera")}
          <select value={camera} onChange={(e) => setCamera(e.target.value)} data-testid="issue-camera">
            {cameras.map((c) => <option key={c.id} value={c.id}>{c.name}</option>)}
          </select>
        </label>
      )}
      {purpose !== "agent" && !lacks && (
        <>
          <label>{t("issueName")}
            <input value={name} onChange={(e) => setName(e.target.value)} required maxLength={200} placeholder={t("issueNameHint")} data-testid="issue-name" />
          </label>
          <label>{t("issueLife")}
            <select value={life} onChange={(e) => setLife(Number(e.target.value))} data-testid="issue-life">
              {lives.map((l) => <option key={l} value={l}>{t(`life_${l}`)}</option>)}
            </select>
          </label>
        </>
      )}
      {lacks && <p className="fault wide">{t("issueNoCamera")} <a href="#/cameras">{t("addCamera")}</a></p>}
      {purpose === "agent" && <div className="wide"><p>{t("issueAgent")}</p><Copied text={`binside agent enrol ${station}`} /></div>}
      {problem && <div className="wide"><Notice problem={problem} /></div>}
      <span className="line wide">
        {purpose !== "agent" && !lacks && <button className="primary" disabled={busy || name.trim() === ""} data-testid="issue-do">{t("issueDo")}</button>}
        <button type="button" onClick={onCancel}>{t("cancel")}</button>
      </span>
    </form>
  );
}

function Issued({ token, purpose, camera, station, bin, mqtt, onDone }: {
  token: IssuedToken;
  purpose: Purpose;
  camera: string;
  station: string;
  bin: string;
  mqtt: MQTTAddress | undefined;
  onDone: () => void;
}) {
  const { t, fill } = useI18n();
  return (
    <div className="issued" data-testid="issued">
      <h3>{fill("issued", { name: token.name })}</h3>
      <p className="once" role="alert">{t("issuedOnce")}</p>
      <Copied text={token.secret} />
      {lines({ purpose, station, camera, bin, token, origin: location.origin, host: location.hostname, mqtt }).map((l) => (
        <div key={l.how}><p className="quiet">{t(`how_${l.how}`)}</p><Copied text={l.text} name={l.how} /></div>
      ))}
      {!mqtt && <p className="quiet">{t("mqttOff")}</p>}
      {mqtt && !reaches(mqtt, location.hostname) && <p className="fault">{t("mqttLoopback")}</p>}
      <button className="primary" data-testid="issued-done" onClick={onDone}>{t("done")}</button>
    </div>
  );
}

/** Copied is text with a button that copies it. */
function Copied({ text, name = "secret" }: { text: string; name?: string }) {
  const { t } = useI18n();
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  return (
    <div className="copied">
      <code data-testid={`text-${name}`}>{text}</code>
      <button type="button" data-testid={`copy-${name}`} onClick={() => void copy(text).then((ok) => setState(ok ? "done" : "failed"))}>
        {t(state === "done" ? "copied" : state === "failed" ? "copyFailed" : "copy")}
      </button>
    </div>
  );
}
