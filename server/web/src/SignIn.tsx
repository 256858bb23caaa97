import { useI18n } from "./i18n";

export function SignIn({ failed }: { failed: boolean }) {
  const { t } = useI18n();
  return (
    <section className="panel narrow" data-testid="sign-in">
      <h1>{t("enterTitle")}</h1>
      {failed && <p className="notice" role="alert">{t("enterFailed")}</p>}
      <p>{t("enterHelp")}</p>
      <pre>bin/binside token link</pre>
    </section>
  );
}
