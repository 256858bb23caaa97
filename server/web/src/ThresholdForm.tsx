import type { Detector } from "./cameras";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { disorder, fields, toField, toSlider, fromSlider, toValue } from "./thresholds";
import type { Field } from "./thresholds";

/** ThresholdForm edits a detector's thresholds. */
export function ThresholdForm({ value, onChange }: { value: Detector; onChange: (d: Detector) => void }) {
  const { t } = useI18n();
  const wrong = disorder(value);
  return (
    <div className="thresholds">
      {fields.map((f) => <Row key={f.key} field={f} value={value[f.key]} onChange={(v) => onChange({ ...value, [f.key]: v })} />)}
      <label className="tick">
        <input type="checkbox" checked={value.pile} onChange={(e) => onChange({ ...value, pile: e.target.checked })} />{t("set_pile")}
      </label>
      {wrong && <p className="warning" role="alert" data-testid="disorder">{t(wrong)}</p>}
    </div>
  );
}

function Row({ field, value, onChange }: { field: Field; value: number; onChange: (v: number) => void }) {
  const { t } = useI18n();
  const name = t(`set_${field.key}` as Word);
  const unit = field.unit === "share" ? "%" : field.unit === "ms" ? t("seconds") : "";
  return (
    <div className="threshold" title={field.help ? t(`help_${field.key}` as Word) : undefined}>
      <span>{name}</span>
      <input
        type="range" min="0" max="1000" step="1" aria-label={name} value={toSlider(field, value)}
        onChange={(e) => onChange(fromSlider(field, Number(e.target.value)))}
      />
      <span className="withUnit">
        <input
          type="number" aria-label={name} min={toField(field, field.low)} max={toField(field, field.high)} step="any" value={toField(field, value)} data-testid={`set-${field.key}`}
          onChange={(e) => { if (e.target.value !== "" && Number.isFinite(e.target.valueAsNumber)) onChange(toValue(field, e.target.valueAsNumber)); }}
        />{unit}
      </span>
      {field.help && <small className="quiet">{t(`help_${field.key}` as Word)}</small>}
    </div>
  );
}
