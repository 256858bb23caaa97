import { useCallback, useEffect, useMemo, useState } from "react";
import { api, Problem } from "./api";
import type { Session, Taxonomy } from "./api";
import { CameraPage } from "./CameraPage";
import { CamerasPage } from "./CamerasPage";
import { Notice } from "./Notice";
import { SamplesPage } from "./SamplesPage";
import { ReceiptPage, codeOf } from "./ReceiptPage";
import { address, stationOf } from "./screen";
import { ScreenPage } from "./ScreenPage";
import { SignIn } from "./SignIn";
import { StationPage } from "./StationPage";
import { TaxonomyProvider } from "./taxonomy";
import { useI18n } from "./i18n";
import { WallPage } from "./WallPage";

type Access = { state: "loading" } | { state: "out"; failed: boolean } | { state: "in"; session: Session; taxonomy: Taxonomy } | { state: "broken"; problem: Problem };

function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

// A code can be used once, but React may run an effect twice: the promise is
// kept, so that both runs share one request.
const entries = new Map<string, Promise<undefined>>();

async function open(hash: string): Promise<Access> {
  const code = /^#\/enter\/(.+)$/.exec(hash)?.[1];
  if (code) {
    history.replaceState(null, "", "#/");
    const entry = entries.get(code) ?? api.enter(decodeURIComponent(code));
    entries.set(code, entry);
    try {
      await entry;
    } catch (p) {
      if (p instanceof Problem && p.status >= 400 && p.status < 500) return { state: "out", failed: true };
      throw p;
    }
  }
  const session = await api.session();
  return { state: "in", session, taxonomy: await api.taxonomy() };
}

export function App() {
  const hash = useHash();
  const elsewhere = useMemo(() => address(hash), [hash]);
  useEffect(() => {
    if (elsewhere) location.replace(elsewhere);
  }, [elsewhere]);
  if (elsewhere) return null;
  const station = stationOf(location.pathname);
  if (station !== undefined) return <ScreenPage station={station} />;
  const code = codeOf(location.pathname, hash);
  return code === undefined ? <Desk hash={hash} /> : <ReceiptPage key={code} asked={code} />;
}

/** Desk is the app of those who work with it. */
function Desk({ hash }: { hash: string }) {
  const { t, language } = useI18n();
  const [access, setAccess] = useState<Access>({ state: "loading" });
  const load = useCallback((from: string) => {
    open(from).then(setAccess, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setAccess(p.status === 401 ? { state: "out", failed: false } : { state: "broken", problem: p });
    });
  }, []);
  useEffect(() => {
    document.title = `${t("product")} · binside`;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [t, language]);
  const entering = hash.startsWith("#/enter/");
  const [entered, setEntered] = useState(entering);
  if (entered !== entering) {
    setEntered(entering);
    setAccess({ state: "loading" });
  }
  useEffect(() => load(location.hash), [load, entering]);
  const retry = () => {
    setAccess({ state: "loading" });
    load(location.hash);
  };

  const signedOut = useCallback(() => setAccess({ state: "out", failed: false }), []);
  return (
    <>
      <Header hash={hash} session={access.state === "in" ? access.session : undefined} onLeft={signedOut} />
      <main>
        {access.state === "loading" && <p className="quiet">{t("loading")}</p>}
        {access.state === "out" && <SignIn failed={access.failed} />}
        {access.state === "broken" && <Notice problem={access.problem} onRetry={retry} />}
        {access.state === "in" && (
          <TaxonomyProvider taxonomy={access.taxonomy}>
            <Pages hash={hash} session={access.session} onSignedOut={signedOut} />
          </TaxonomyProvider>
        )}
      </main>
    </>
  );
}

/** mayManage reports whether the session may set up stations and cameras. */
const mayManage = (session: Session) => session.scopes.includes("admin");

function Pages({ hash, session, onSignedOut }: { hash: string; session: Session; onSignedOut: () => void }) {
  const { t } = useI18n();
  const admin = mayManage(session);
  const [page, id, tab] = hash.split("/").slice(1).map(decodeURIComponent);
  if (page === "samples") return <SamplesPage admin={admin} />;
  if (page === "stations" && id) return <StationPage key={id} id={id} admin={admin} />;
  if (page !== "cameras") return <WallPage admin={admin} onSignedOut={onSignedOut} />;
  if (!admin) return <p className="panel narrow" data-testid="not-yours">{t("notYours")}</p>;
  return id ? <CameraPage key={id} id={id} tab={tab ?? "regions"} /> : <CamerasPage />;
}

function Header({ hash, session, onLeft }: { hash: string; session: Session | undefined; onLeft: () => void }) {
  const { t, toggle } = useI18n();
  const at = hash.split("/")[1] ?? "";
  const current = (page: string) => (at === page ? "page" : undefined);
  return (
    <header className="top">
      <a className="brand" href="#/">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>{t("product")}</span>
      </a>
      {session && (
        <nav>
          <a href="#/" aria-current={current("")}>{t("wall")}</a>
          {mayManage(session) && <a href="#/cameras" aria-current={current("cameras")}>{t("cameras")}</a>}
          <a href="#/samples" aria-current={current("samples")}>{t("samples")}</a>
          <a href="/docs">{t("docs")}</a>
        </nav>
      )}
      <span className="spacer" />
      <button className="plain" onClick={toggle}>{t("language")}</button>
      {session && (
        <button className="plain" title={session.user} onClick={() => void api.leave().then(onLeft, onLeft)}>{t("leave")}</button>
      )}
    </header>
  );
}
