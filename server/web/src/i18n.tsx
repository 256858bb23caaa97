import { createContext, useContext, useMemo, useState } from "react";
import type { ReactNode } from "react";
import type { Problem, Text } from "./api";

export type Language = "zh" | "en";

// Every word that a person sees, but for names that come from the server.
const words = {
  product: { zh: "桶边督导", en: "Bin-side inspection" },
  wall: { zh: "实时墙", en: "Live wall" },
  samples: { zh: "样本", en: "Samples" },
  docs: { zh: "接口文档", en: "API" },
  leave: { zh: "退出", en: "Sign out" },
  language: { zh: "English", en: "中文" },
  live: { zh: "实时", en: "live" },
  reconnecting: { zh: "正在重连…", en: "reconnecting…" },
  loading: { zh: "载入中…", en: "Loading…" },
  retry: { zh: "重试", en: "Try again" },
  close: { zh: "关闭", en: "Close" },
  more: { zh: "加载更多", en: "Load more" },
  today: { zh: "今日", en: "Today" },
  deposits: { zh: "次投放", en: "deposits" },
  toReview: { zh: "待复核", en: "to review" },
  flagged: { zh: "待复核的标记", en: "Flagged, to review" },
  noneFlagged: { zh: "没有待复核的标记。新的误投会出现在这里。", en: "Nothing to review. New misdeposits appear here." },
  noStations: { zh: "还没有投放点", en: "No stations yet" },
  noStationsHelp: {
    zh: "用 make run 启动演示投放点,或通过接口新建投放点、桶和摄像头:",
    en: "Start the demonstration station with make run, or create a station, its bins and cameras through the API:",
  },
  noBins: { zh: "这个投放点还没有桶。请通过接口添加。", en: "This station has no bins yet. Add them through the API." },
  noDeposits: { zh: "还没有投放", en: "no deposits yet" },
  accepts: { zh: "可投", en: "accepts" },
  camera: { zh: "摄像头", en: "Camera" },
  verdict_pass: { zh: "正确", en: "Right" },
  verdict_tell: { zh: "误投", en: "Misdeposit" },
  verdict_check: { zh: "待查", en: "To check" },
  verdict_unreadable: { zh: "看不清", en: "Unreadable" },
  reviewed: { zh: "已复核", en: "Reviewed" },
  evidence: { zh: "证据图", en: "Evidence" },
  noEvidence: {
    zh: "没有保存图片:判定正确的投放只随机保留一小部分。",
    en: "No picture was kept: of deposits that pass, only a random share is.",
  },
  evidenceGone: { zh: "保存期已过,图片已删除。", en: "The picture was deleted when its retention ended." },
  sampled: { zh: "随机抽样保留", en: "kept by random sampling" },
  categories: { zh: "类别概率", en: "Probability per category" },
  classes: { zh: "品类概率", en: "Probability per item class" },
  reason: { zh: "规则", en: "Rule" },
  model: { zh: "模型", en: "Model" },
  advice: { zh: "投放提示", en: "Advice" },
  inForce: { zh: "现行", en: "in force" },
  binOutside: {
    zh: "现行分类标准没有这些类别,投放一律送人查看,请修改此桶",
    en: "The taxonomy in force lacks these categories; until the bin is changed, a person looks at every deposit",
  },
  taxonomy: { zh: "分类标准", en: "Taxonomy" },
  capturedAt: { zh: "投放时间", en: "Captured" },
  decidedIn: { zh: "判定用时", en: "Decided after" },
  hash: { zh: "图片 SHA-256", en: "Image SHA-256" },
  thrownInto: { zh: "投入", en: "Thrown into" },
  recognised: { zh: "识别为", en: "Recognised as" },
  decide: { zh: "复核", en: "Review" },
  confirm: { zh: "识别正确", en: "The category is right" },
  relabel: { zh: "其实是", en: "It is really" },
  orClass: { zh: "或具体品类", en: "or the item class" },
  save: { zh: "保存", en: "Save" },
  decidedBy: { zh: "复核人", en: "Reviewed by" },
  keys: { zh: "按键:↑↓ 选择,回车打开,C 确认,数字改类别,Esc 关闭", en: "Keys: ↑↓ choose, Enter open, C confirm, a digit for its category, Esc close" },
  camera_connecting: { zh: "连接中", en: "connecting" },
  camera_streaming: { zh: "正常", en: "streaming" },
  camera_failed: { zh: "中断", en: "failed" },
  camera_ended: { zh: "已播完", en: "ended" },
  reason_accepted: { zh: "桶接受的类别足够可能", en: "the bin's categories are probable enough" },
  "reason_other-category-sure": { zh: "确信属于别的桶", en: "surely belongs in another bin" },
  "reason_bin-outside-taxonomy": { zh: "桶的类别不在现行分类标准中,请人查看", en: "the bin was set up for another taxonomy, a person should look" },
  reason_unsure: { zh: "不够确信,请人查看", en: "not sure enough, a person should look" },
  "reason_too-dark": { zh: "太暗", en: "too dark" },
  "reason_too-bright": { zh: "过曝", en: "too bright" },
  reason_blurred: { zh: "模糊", en: "blurred" },
  demo: { zh: "演示投放点", en: "Demonstration station" },
  demoAbout: {
    zh: "模拟器知道真值,因此可以实时评分。画面由真实照片抠图合成,模型从未用这些画面训练。",
    en: "The simulator knows the truth, so it can be scored live. Its scenes are composed from cut-outs of real photographs, and the model never saw them in training.",
  },
  demoJudged: { zh: "能评判的类别(照片物品数)", en: "Categories it can judge (photographed items)" },
  demoNot: { zh: "没有照片,不能评判", en: "No photographs, cannot judge" },
  tellPrecision: { zh: "说“误投”时确实误投", en: "Told, and wrong indeed" },
  misdepositRecall: { zh: "误投被提示或送查(模型认识的品类)", en: "Misdeposits told or sent to a person (classes the model knows)" },
  falseTell: { zh: "投对却被提示", en: "Sorted rightly, yet told" },
  demoEvents: { zh: "事件", en: "Events" },
  demoMissed: { zh: "漏检", en: "missed" },
  demoFalse: { zh: "多余", en: "false" },
  noData: { zh: "尚无数据", en: "no data yet" },
  enterTitle: { zh: "请登录", en: "Please sign in" },
  enterHelp: {
    zh: "打开服务启动时打印的一次性链接。链接用过或过期后,在服务器上运行下面的命令取得新链接:",
    en: "Open the one-time link that the service printed when it started. If it was used or has expired, get a new one on the server:",
  },
  entering: { zh: "正在登录…", en: "Signing in…" },
  enterFailed: { zh: "这个链接已用过或已过期。", en: "This link was used already or has expired." },
  upload: { zh: "添加有标签的照片", en: "Add labelled photographs" },
  uploadHelp: { zh: "把 JPEG 或 PNG 拖到这里,或点按选择(可多选)", en: "Drop JPEG or PNG files here, or press to choose (several at once)" },
  uploadLabel: { zh: "它们是", en: "They show" },
  uploadSend: { zh: "上传", en: "Upload" },
  uploading: { zh: "正在上传…", en: "Uploading…" },
  cancel: { zh: "取消", en: "Cancel" },
  accepted: { zh: "已收下", en: "accepted" },
  refused: { zh: "被拒绝", en: "refused" },
  noSamples: { zh: "还没有样本。复核一条标记,或上传有标签的照片。", en: "No samples yet. Review a flagged deposit, or add labelled photographs." },
  exportHelp: { zh: "导出为图片文件夹和清单:", en: "Export as an image folder with a manifest:" },
  from_deposit: { zh: "来自投放", en: "from a deposit" },
  from_upload: { zh: "上传", en: "uploaded" },
  choose: { zh: "请选择", en: "choose" },
  "problem_image-empty": { zh: "文件是空的", en: "the file is empty" },
  "problem_image-too-many-bytes": { zh: "文件太大", en: "the file is too large" },
  "problem_image-too-many-pixels": { zh: "像素太多", en: "it has too many pixels" },
  "problem_image-unsupported-format": { zh: "不是 JPEG 或 PNG 图片", en: "it is neither JPEG nor PNG" },
  "problem_image-type-mismatch": { zh: "内容与文件类型不符", en: "it is not what its name says" },
  "problem_image-truncated": { zh: "文件不完整,请重新导出或拍摄", en: "the file is cut off; export or take it again" },
  "problem_image-corrupt": { zh: "文件已损坏,请重新导出或拍摄", en: "the file is damaged; export or take it again" },
  problem_unreachable: { zh: "服务器没有回应。请检查服务是否在运行,然后重试。", en: "The server does not answer. Check that it runs, then try again." },
  problem_other: { zh: "没有成功", en: "That did not work" },
} as const satisfies Record<string, Text>;

export type Word = keyof typeof words;

export interface I18n {
  language: Language;
  t: (word: Word) => string;
  /** text picks the language of a name that came from the server. */
  text: (name: Text | undefined, otherwise: string) => string;
  reason: (code: string) => string;
  problem: (p: Problem) => string;
  percent: (share: number, digits?: number) => string;
  time: (iso: string, zone?: string) => string;
  /** list joins the parts of an enumeration. */
  list: (parts: string[]) => string;
  toggle: () => void;
}

export function makeI18n(language: Language, toggle: () => void): I18n {
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  const t = (word: Word) => words[word][language];
  const lookup = (key: string): string | undefined => (words as Record<string, Text>)[key]?.[language];
  return {
    language,
    t,
    text: (name, otherwise) => name?.[language] || otherwise,
    reason: (code) => lookup(`reason_${code}`) ?? code,
    problem: (p) => lookup(`problem_${p.slug}`) ?? `${t("problem_other")}: ${p.detail || p.message}`,
    percent: (share, digits = 0) =>
      new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share),
    time: (iso, zone) =>
      new Intl.DateTimeFormat(locale, {
        month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
        ...(zone ? { timeZone: zone } : {}),
      }).format(new Date(iso)),
    list: (parts) => parts.join(language === "zh" ? "、" : ", "),
    toggle,
  };
}

const Context = createContext<I18n>(makeI18n("zh", () => undefined));

function initial(): Language {
  const kept = localStorage.getItem("language");
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.startsWith("zh") ? "zh" : navigator.language.startsWith("en") ? "en" : "zh";
}

export function I18nProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(initial);
  const value = useMemo(
    () =>
      makeI18n(language, () => {
        const next = language === "zh" ? "en" : "zh";
        localStorage.setItem("language", next);
        setLanguage(next);
      }),
    [language],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export const useI18n = () => useContext(Context);
