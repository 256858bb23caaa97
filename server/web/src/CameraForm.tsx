import { useState } from "react";
import { Problem } from "./api";
import type { Camera } from "./api";
import { kinds, withCredentials } from "./cameras";
import type { CameraBody, Kind } from "./cameras";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { Notice } from "./Notice";

const examples: Record<Kind, string> = {
  rtsp: "rtsp://192.168.1.20:554/stream1", mjpeg: "http://192.168.1.20/video.mjpg", snapshot: "http://192.168.1.20/snapshot.jpg",
  push: "", device: "/dev/video0", file: "/data/media/gate.mp4", folder: "/data/media/gate",
};

/** needs says what the server takes as the address of each kind: all else in the
 * form cannot be wrong. */
const needs: Record<Kind, Word> = {
  rtsp: "urlRTSP", mjpeg: "urlHTTP", snapshot: "urlHTTP", push: "problem_other", device: "urlDevice", file: "urlMedia", folder: "urlMedia",
};

/** CameraForm makes or changes a camera. What is secret in its address never
 * comes back from the server: an empty address keeps it. */
export function CameraForm({ camera, onSave, onCancel }: {
  camera?: Camera;
  onSave: (body: CameraBody) => Promise<void>;
  onCancel?: () => void;
}) {
  const { t, fill } = useI18n();
  const [name, setName] = useState(camera?.name ?? "");
  const [kind, setKind] = useState<Kind>((camera?.kind as Kind | undefined) ?? "rtsp");
  const [url, setURL] = useState("");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [transport, setTransport] = useState(camera?.transport ?? "tcp");
  const [enabled, setEnabled] = useState(camera?.enabled ?? true);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const fetched = kind === "rtsp" || kind === "mjpeg" || kind === "snapshot";
  const keeps = camera !== undefined && camera.kind === kind;
  const save = () => {
    setBusy(true);
    setDone(false);
    setProblem(undefined);
    const body: CameraBody = { name: name.trim(), kind, enabled };
    if (kind === "push") body.url = "";
    else if (url.trim()) body.url = fetched ? withCredentials(url.trim(), user, password) : url.trim();
    if (kind === "rtsp") body.transport = transport;
    onSave(body).then(
      () => {
        setDone(true);
        setURL("");
        setUser("");
        setPassword("");
      },
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
      },
    ).finally(() => setBusy(false));
  };
  return (
    <form className="cameraForm" data-testid="camera-form" onChange={() => setDone(false)} onSubmit={(e) => { e.preventDefault(); save(); }}>
      <label>{t("cameraName")}<input name="name" value={name} required maxLength={200} placeholder={t("cameraNameHint")} onChange={(e) => setName(e.target.value)} /></label>
      <label>{t("cameraKind")}
        <select name="kind" value={kind} onChange={(e) => setKind(e.target.value as Kind)}>
          {kinds.map((k) => <option key={k} value={k}>{t(`kind_${k}`)}</option>)}
        </select>
      </label>
      {kind === "push" && <p className="quiet wide">{t("pushHelp")}</p>}
      {kind !== "push" && (
        <label className="wide">{fetched ? t("cameraURL") : t("cameraPath")}
          <input
            name="url" value={url} required={!keeps} maxLength={2048} spellCheck={false} autoCapitalize="off" inputMode={fetched ? "url" : "text"}
            placeholder={keeps ? fill("cameraKept", { url: camera.url_redacted ?? "" }) : examples[kind]}
            onChange={(e) => setURL(e.target.value)}
          />
        </label>
      )}
      {fetched && (
        <>
          <label>{t("cameraUser")}<input name="user" value={user} autoComplete="off" disabled={!url} onChange={(e) => setUser(e.target.value)} /></label>
          <label>{t("cameraPassword")}<input name="password" type="password" value={password} autoComplete="new-password" disabled={!url} onChange={(e) => setPassword(e.target.value)} /></label>
          <p className="quiet wide">{t("credentialHelp")}</p>
        </>
      )}
      {kind === "rtsp" && (
        <label>{t("cameraTransport")}
          <select name="transport" value={transport} onChange={(e) => setTransport(e.target.value)}>
            <option value="tcp">TCP</option>
            <option value="udp">UDP</option>
          </select>
        </label>
      )}
      <label className="tick"><input name="enabled" type="checkbox" checked={enabled} onChange={(e) => setEnabled(e.target.checked)} />{t("cameraEnabled")}</label>
      {problem && (
        <div className="wide">
          {problem.slug === "validation" ? <p className="notice" role="alert">{t(needs[kind])}</p> : <Notice problem={problem} />}
        </div>
      )}
      <div className="line wide">
        <button className="primary" disabled={busy} data-testid="save-camera">{busy ? t("saving") : t("save")}</button>
        {onCancel && <button type="button" onClick={onCancel}>{t("cancel")}</button>}
        {done && <span className="good" role="status">{t("saved")}</span>}
      </div>
    </form>
  );
}
