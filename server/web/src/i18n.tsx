import { createContext, useContext, useMemo, useState } from "react";
import type { ReactNode } from "react";
import type { Problem, Text } from "./api";
import { cameraWords } from "./words-cameras";
import { deviceWords } from "./words-devices";
import phrases from "./phrases.json";

export type Language = "zh" | "en";

// Every word that a person sees, but for names that come from the server.
const words = {
  ...cameraWords,
  ...deviceWords,
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
  decide: { zh: "复核", en: "Review" },
  confirm: { zh: "识别正确", en: "The category is right" },
  orClass: { zh: "或具体品类", en: "or the item class" },
  decidedBy: { zh: "复核人", en: "Reviewed by" },
  keys: { zh: "按键:↑↓ 选择,回车打开,C 确认,数字改类别,W 为什么,Esc 关闭", en: "Keys: ↑↓ choose, Enter open, C confirm, a digit for its category, W why, Esc close" },
  camera_connecting: { zh: "连接中", en: "connecting" },
  camera_streaming: { zh: "正常", en: "streaming" },
  camera_failed: { zh: "中断", en: "failed" },
  camera_disabled: { zh: "已停用", en: "disabled" },
  camera_stopped: { zh: "未运行", en: "not running" },
  camera_ended: { zh: "已播完", en: "ended" },
  condition_frozen: { zh: "画面卡住", en: "picture frozen" },
  condition_black: { zh: "画面全黑", en: "picture black" },
  condition_overexposed: { zh: "过曝", en: "overexposed" },
  condition_night: { zh: "光线太暗", en: "too dark" },
  condition_blurred: { zh: "画面模糊", en: "out of focus" },
  condition_dirty: { zh: "镜头脏污", en: "lens dirty" },
  condition_moved: { zh: "镜头被移动", en: "camera moved" },
  condition_covered: { zh: "镜头被遮挡", en: "camera covered" },
  condition_clock: { zh: "时钟不准", en: "clock wrong" },
  agent: { zh: "现场代理", en: "station agent" },
  agentOnline: { zh: "在线", en: "online" },
  agentOffline: { zh: "离线", en: "offline" },
  agentNever: { zh: "尚未接入", en: "has not come yet" },
  agentWaiting: { zh: "{n} 条待传", en: "{n} waiting" },
  agentTrouble_silent: {
    zh: "现场代理自 {at} 起没有联系:只要设备还在运行,现场照常判断和提示,联网后自动补传。",
    en: "The station agent has not been heard of since {at}. If it only lacks the network, it goes on deciding and telling, and hands all in later.",
  },
  agentTrouble_clock: { zh: "现场设备的时钟与服务器相差 {seconds} 秒;上传的时间已按服务器时钟修正,请在现场校时(NTP)。", en: "The station's clock differs from the server's by {seconds} s. Times are corrected as they come in; set the clock there by NTP." },
  agentTrouble_full: { zh: "现场磁盘已到上限,只剩未上传的标记:新的“通过”不再保留。", en: "The station's disk is at its bound and only flags that were never handed in are left: new passes are not kept." },
  agentTrouble_bundle: { zh: "现场代理没有采用最新的设置:{why}", en: "The station agent has not taken the newest settings: {why}" },
  agentTrouble_rejected: { zh: "服务器拒收了 {n} 条现场记录,每小时重试。", en: "The server refused {n} records of the station; they are tried again every hour." },
  notTellingAll: {
    zh: "摄像头不可信:{what}。整个投放点暂停提示,恢复正常后会自动继续。",
    en: "Not to be believed: {what}. Nobody is told at any bin; it goes on by itself when the picture is well again.",
  },
  notTellingAt: {
    zh: "摄像头不可信:{what}。暂停提示的桶:{bins};其余桶照常,恢复正常后会自动继续。",
    en: "Not to be believed: {what}. Nobody is told at: {bins}. The other bins go on, and these when the picture is well again.",
  },
  notTellingNone: {
    zh: "摄像头不可信:{what}。它看到的不作提示;各桶不只靠它,照常提示。",
    en: "Not to be believed: {what}. Nothing that it sees is told; every bin goes on without it.",
  },
  "reason_camera-frozen": { zh: "摄像头画面卡住,不作判断", en: "the camera could not be believed: picture frozen" },
  "reason_camera-black": { zh: "摄像头画面全黑,不作判断", en: "the camera could not be believed: picture black" },
  "reason_camera-overexposed": { zh: "摄像头过曝,不作判断", en: "the camera could not be believed: overexposed" },
  "reason_camera-night": { zh: "摄像头光线太暗,不作判断", en: "the camera could not be believed: too dark" },
  "reason_camera-blurred": { zh: "摄像头画面模糊,不作判断", en: "the camera could not be believed: out of focus" },
  "reason_camera-dirty": { zh: "摄像头镜头脏污,不作判断", en: "the camera could not be believed: lens dirty" },
  "reason_camera-moved": { zh: "摄像头镜头被移动,不作判断", en: "the camera could not be believed: camera moved" },
  "reason_camera-covered": { zh: "摄像头镜头被遮挡,不作判断", en: "the camera could not be believed: camera covered" },
  "reason_camera-clock": { zh: "摄像头时钟不准,不作判断", en: "the camera could not be believed: clock wrong" },
  "reason_hidden-by-redaction": { zh: "画面里像是有人,大半已被遮盖,不作判断", en: "somebody seems to be in the picture: most of it is painted over, and nothing is judged" },
  reason_accepted: { zh: "属于这个桶,或错投的危害很小", en: "belongs here, or little harm is to be expected" },
  "reason_other-category-sure": { zh: "确信属于别的桶", en: "surely belongs in another bin" },
  "reason_no-bound": { zh: "很可能投错,但样本不足,无法保证误提示率,请人查看", en: "probably wrong, but too few examples to bound false accusations; a person should look" },
  "reason_unlike-anything-known": { zh: "画面与已知的一切都不像,请人查看", en: "unlike anything known, a person should look" },
  "reason_bin-outside-taxonomy": { zh: "桶的类别不在现行分类标准中,请人查看", en: "the bin was set up for another taxonomy, a person should look" },
  "reason_bin-removed": { zh: "判断之前桶已被删除,请人查看", en: "the bin was removed before the deposit was judged, a person should look" },
  reason_unsure: { zh: "不够确信,请人查看", en: "not sure enough, a person should look" },
  "reason_too-dark": { zh: "太暗", en: "too dark" },
  "reason_too-bright": { zh: "过曝", en: "too bright" },
  reason_blurred: { zh: "模糊", en: "blurred" },
  why: { zh: "为什么这样判?", en: "Why?" },
  margins: { zh: "离门槛多远", en: "Margin to the thresholds" },
  threshold: { zh: "门槛", en: "threshold" },
  marginMet: { zh: "满足", en: "met" },
  marginMissed: { zh: "不满足", en: "not met" },
  marginShort: { zh: "还差", en: "short by" },
  marginFactor: { zh: "相差 {factor} 倍", en: "not met, by a factor of {factor}" },
  points: { zh: "个百分点", en: "points" },
  thresholdsNow: { zh: "最低概率取自桶现在的设置,其余是判定时的。", en: "The least probability is as the bin is set now; all else is of the decision." },
  agreement: { zh: "各帧一致", en: "Frames that agree" },
  strangeness: { zh: "陌生程度", en: "Strangeness" },
  strange: { zh: "比训练见过的几乎都陌生,概率不可信", en: "stranger than nearly all it learnt from: the probabilities mean little" },
  notStrange: { zh: "在见过的范围内(1 以下)", en: "within what it knows (below 1)" },
  heatMap: { zh: "热力图", en: "Heat map" },
  heatMaking: { zh: "正在逐块遮盖、重新识别…", en: "Covering part after part and looking again…" },
  heatShow: { zh: "显示热力图", en: "Show the heat map" },
  heatOpacity: { zh: "浓淡", en: "Opacity" },
  heatFor: { zh: "支持", en: "for" },
  heatAgainst: { zh: "反对", en: "against" },
  heatAlone: { zh: "现用模型单看这张图", en: "The model in force, on this picture alone" },
  heatCovered: { zh: "遮住虚线框后", en: "With the dashed part covered" },
  heatNoPatch: { zh: "遮住哪里都不会更不像:没有哪一处是关键。", en: "Covering any part costs it nothing: no single place is decisive." },
  heatOtherModel: { zh: "热力图来自现用模型,不是当时判定的模型:", en: "The heat map is of the model in force, not of the one that judged:" },
  "unavailable_evidence-gone": { zh: "图片没有保存或已过保存期,不能画热力图。", en: "No picture is kept, so there is no heat map." },
  "unavailable_nothing-to-explain": { zh: "记录里没有现用分类标准的类别,不能画热力图。", en: "The record names no category of the taxonomy in force, so there is no heat map." },
  "unavailable_not-offered": { zh: "这个服务没有启用热力图。", en: "This service makes no heat maps." },
  falseTellBound: { zh: "误提示率", en: "False accusations" },
  neverTold: { zh: "不作提示", en: "Nobody is told" },
  toAPerson: { zh: "送人工", en: "to a person" },
  boundHolds: {
    zh: "以 {confidence} 的置信度保证:投对的人中,最多 {alpha} 会被提示投错(画面须与样本相似)。",
    en: "With {confidence} confidence at most {alpha} of those who sorted rightly are told otherwise, where deposits look like the examples.",
  },
  boundMissing: {
    zh: "没有足够的样本来保证误提示率,因此从不提示居民,只送人工查看。",
    en: "There are too few examples to bound false accusations, so residents are never told: a person looks instead.",
  },
  boundLevel: { zh: "依据", en: "Known from" },
  level_station: { zh: "本投放点已复核的投放", en: "this station's reviewed deposits" },
  level_bin: { zh: "本桶类别的照片", en: "photographs of what this bin accepts" },
  "level_all-bins": { zh: "所有桶的照片合并(本桶样本太少)", en: "photographs of all bins, pooled (too few of this one's)" },
  level_none: { zh: "样本不足", en: "too few examples" },
  tightened: { zh: "因本点复核结果而收紧", en: "tightened by this station's reviews" },
  examples: { zh: "投对的样本数 n", en: "Rightly sorted examples, n" },
  toldOfThem: { zh: "其中被提示", en: "Of these told" },
  upperBound: { zh: "上限", en: "at most" },
  tellAt: { zh: "提示门槛(危害比)", en: "Told from (ratio of harms)" },
  ownLimits: { zh: "本桶另设", en: "This bin's own limits" },
  tellLimit: { zh: "提示需概率 ≥", en: "told only from probability" },
  passLimit: { zh: "通过需概率 ≥", en: "passes only from probability" },
  sharesOf: { zh: "把 {n} 张样本照片都投入本桶,判定为", en: "{n} photographs thrown into this bin are judged" },
  sortedRight: { zh: "投对的", en: "if right" },
  sortedWrong: { zh: "投错的", en: "if wrong" },
  screenOf: { zh: "桶边屏幕", en: "Screen at the bins" },
  screenIdle: { zh: "请分类投放", en: "Please sort your waste" },
  screenCorrected: { zh: "已改正", en: "I have put it right" },
  screenWrong: { zh: "识别有误", en: "That is not so" },
  screenThanks: phrases.thanks,
  screenThanksCorrected: phrases.corrected,
  screenAppealed: phrases.appealed,
  screenRemoved: phrases.removed,
  screenReceipt: { zh: "工作人员会复核。凭此编号可查询结果,无需登录:", en: "A person will look at it. Ask what came of it with this code, no account needed:" },
  screenSound: { zh: "点此开启声音", en: "Touch here for sound" },
  screenSoundWhy: { zh: "浏览器要有人触摸屏幕一次,才允许发声。", en: "The browser lets the page be heard only after somebody has touched the screen once." },
  screenSoundBlocked: { zh: "无声音:浏览器阻止", en: "No sound: blocked by the browser" },
  screenSoundNone: { zh: "无语音,仅显示文字", en: "No voice, words only" },
  screenNone: { zh: "请用管理员给的地址打开此屏幕", en: "Open this screen by the address that you were given" },
  screenNotSent: { zh: "没有送达,请再试一次。", en: "That did not get through. Please try again." },
  screenMore: { zh: "还有 {n} 条提示", en: "{n} more" },
  screenOffline: { zh: "与服务器断开,正在重连…", en: "Disconnected from the server, reconnecting…" },
  screenRefused: { zh: "此屏幕没有权限,请管理员重新授权", en: "This screen has no access; ask for a new token" },
  screenBlind: { zh: "摄像头不可信,整个投放点暂停提示", en: "Camera trouble, no bin gives advice" },
  screenSilent: { zh: "{bins}暂停提示", en: "No advice at {bins}" },
  screenPaused: { zh: "暂停提示", en: "no advice" },
  secondsLeft: { zh: "还剩 {n} 秒", en: "{n} seconds left" },
  mute: { zh: "静音", en: "Mute" },
  unmute: { zh: "出声", en: "Sound on" },
  prompt_open: { zh: "提示中", en: "being told" },
  prompt_corrected: { zh: "已改正", en: "put right" },
  prompt_uncorrected: { zh: "未改正", en: "not put right" },
  prompt_appealed: { zh: "已申诉", en: "appealed" },
  prompt_withdrawn: { zh: "已撤回", en: "withdrawn" },
  prompt_withheld: { zh: "未提示", en: "not told" },
  means_item: { zh: "物品出现在正确的桶", en: "the item appeared at the right bin" },
  means_button: { zh: "居民按下按钮", en: "the resident pressed the button" },
  "means_quiet-hours": { zh: "静音时段", en: "quiet hours" },
  means_budget: { zh: "提示次数已到上限", en: "told often enough" },
  means_stale: { zh: "投放已过时", en: "the deposit was long ago" },
  means_denied: { zh: "只是伸手取物,没有投放", en: "a hand that took something out, no deposit" },
  takenOut: { zh: "已从错误的桶取出", en: "taken out of the wrong bin" },
  lookedAt: { zh: "已有人查看", en: "somebody has looked" },
  stationPage: { zh: "设置与时延", en: "Settings and latency" },
  backToWall: { zh: "返回实时墙", en: "Back to the wall" },
  noStation: { zh: "没有这个投放点,或无权查看。", en: "There is no such station, or you may not see it." },
  settings: { zh: "桶边提示设置", en: "What residents are told, and how" },
  settingsAbout: { zh: "留空即沿用服务的设置。保存后从下一次误投起生效。", en: "What is left empty follows the service. Saved settings hold from the next misdeposit on." },
  settingsReadOnly: { zh: "您可以查看,但不能修改。", en: "You may look, but not change them." },
  setWindow: { zh: "改正时间(秒)", en: "Time to put it right (s)" },
  setBudget: { zh: "最多提示次数(0 为不限)", en: "Most prompts (0: no limit)" },
  setSpan: { zh: "每多少秒计一次", en: "in so many seconds" },
  setQuiet: { zh: "静音时段", en: "Quiet hours" },
  setQuietHint: { zh: "如 22:30-06:30,多段用逗号分隔;填“无”表示没有", en: "such as 22:30-06:30, several joined by commas; “none” for none" },
  none: { zh: "无", en: "none" },
  setLanguage: { zh: "屏幕语言", en: "Language of the screen" },
  setVolume: { zh: "音量(%)", en: "Volume (%)" },
  setVoice: { zh: "语音包", en: "Voice pack" },
  noVoice: { zh: "不用语音包", en: "no pack" },
  voiceGone: { zh: "已不可用", en: "no longer usable" },
  voiceMissing: { zh: "句由合成语音补足", en: "sentences are rendered instead" },
  followsService: { zh: "沿用服务", en: "as the service" },
  save: { zh: "保存", en: "Save" },
  saved: { zh: "已保存,已生效", en: "Saved, and in force" },
  language_zh: { zh: "中文", en: "Chinese" },
  language_en: { zh: "英文", en: "English" },
  latency: { zh: "从画面到屏幕用时", en: "From the frame to the screen" },
  latencyAbout: {
    zh: "从最后一张看到物品的画面,到屏幕报告已显示。深色为 p50,浅色两段到 p95、p99。",
    en: "From the last frame that shows the item to the screen's report that it is to be seen. The dark bar is p50; the lighter ones reach to p95 and p99.",
  },
  latencyNone: { zh: "这段时间没有屏幕显示过提示。", en: "No screen has shown a prompt in this time." },
  latencyOf: { zh: "{n} 次提示", en: "Prompts: {n}" },
  latencyCut: { zh: "(仅最近的)", en: "(the latest only)" },
  minutes15: { zh: "15 分钟", en: "15 min" },
  minutes1440: { zh: "24 小时", en: "24 h" },
  minutes10080: { zh: "7 天", en: "7 days" },
  step_detect: { zh: "检出", en: "detect" },
  step_queue: { zh: "排队", en: "queue" },
  step_infer: { zh: "识别", en: "infer" },
  step_decide: { zh: "判定", en: "decide" },
  step_publish: { zh: "存储与发布", en: "store and publish" },
  step_show: { zh: "显示", en: "show" },
  step_whole: { zh: "全程", en: "the whole" },
  receiptTitle: { zh: "查询申诉结果", en: "What came of an objection" },
  receiptHelp: { zh: "输入桶边屏幕上显示的 8 位编号。无需登录,也没有照片。", en: "Type the eight letters and digits that the screen at the bins has shown. No account, and no picture." },
  receiptCode: { zh: "回执编号", en: "Receipt code" },
  receiptAsk: { zh: "查询", en: "Ask" },
  receiptAnother: { zh: "查询另一个编号", en: "Ask with another code" },
  receipt_received: { zh: "已收到", en: "Received" },
  receipt_looking: { zh: "正在复核", en: "Being looked at" },
  receipt_decided: { zh: "已有结果", en: "Decided" },
  receiptUpheld: { zh: "您说得对,谢谢!", en: "You were right, thank you!" },
  receiptConfirmed: { zh: "复核后,原提示无误。", en: "We looked again: the advice was right." },
  receiptBelongs: { zh: "复核认定属于", en: "It belongs with" },
  receiptTold: { zh: "当时的提示", en: "What the screen said" },
  receiptStation: { zh: "投放点", en: "Where" },
  receiptWhen: { zh: "申诉时间", en: "Objected" },
  receiptDecidedAt: { zh: "复核时间", en: "Decided" },
  receiptWait: { zh: "工作人员会复核,请稍后再来查看。", en: "A person will look at it. Please come back later." },
  "problem_receipt-unknown": { zh: "没有这个编号,或已过保存期。请核对后再试。", en: "There is no such code, or it has expired. Please check it and try again." },
  "problem_too-many-attempts": { zh: "尝试太频繁,请稍等片刻再试。", en: "Too many tries. Please wait a moment." },
  settingsWrong: { zh: "有一项填写得不对,没有保存", en: "One of the values is not allowed; nothing was saved" },
  settingsConflict: { zh: "设置刚被别人改过,请重新载入。", en: "Somebody else has just changed this. Load the page again." },
  promptEnded: { zh: "桶边提示", en: "Told at the bin" },
  receipt: { zh: "回执", en: "Receipt" },
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
  enterFailed: { zh: "这个链接已用过或已过期。", en: "This link was used already or has expired." },
  upload: { zh: "添加有标签的照片", en: "Add labelled photographs" },
  uploadHelp: { zh: "把 JPEG 或 PNG 拖到这里,或点按选择(可多选)", en: "Drop JPEG or PNG files here, or press to choose (several at once)" },
  uploadLabel: { zh: "它们是", en: "They show" },
  uploadSend: { zh: "上传", en: "Upload" },
  uploading: { zh: "正在上传…", en: "Uploading…" },
  cancel: { zh: "取消", en: "Cancel" },
  accepted: { zh: "已收下", en: "accepted" },
  refused: { zh: "被拒绝", en: "refused" },
  sampleDelete: { zh: "删除样本", en: "Delete sample" },
  sampleDeleteSure: { zh: "永久删除这张照片和它的标签?删除会记入签名日志;已导出的副本不受影响。", en: "Delete this photograph and its label for ever? The signed log records it; copies that were exported stay." },
  sampleDeleteYes: { zh: "删除", en: "Delete" },
  sampleDeleted: { zh: "样本已删除,并已记入删除日志。", en: "The sample is deleted, and the deletion log says so." },
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
  "problem_evidence-gone": { zh: "图片没有保存或已过保存期。", en: "No picture is kept." },
  "problem_explanations-busy": { zh: "正在为别人画热力图,请稍后重试。", en: "A heat map is being made for somebody else. Try again in a moment." },
  "problem_decoders-busy": { zh: "等待解码的图片太多,请稍后重试。", en: "Too many pictures wait to be decoded. Try again in a moment." },
  "problem_models-busy": { zh: "模型正忙于识别投放,请稍后重试。", en: "The models are busy with deposits. Try again in a moment." },
  "problem_model-changed": { zh: "模型刚刚更换,请重试。", en: "The model was changed just now. Try again." },
  problem_timeout: { zh: "花的时间太长,请稍后重试。", en: "It took too long. Try again in a moment." },
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
  /** failure is why a camera does not stream, and what to do; what this page has
   * no words for is said as the server says it. */
  failure: (state: { reason?: string; error?: string }) => string | undefined;
  /** fill puts values in the places of a sentence that are named {so}. */
  fill: (word: Word, values: Record<string, string | number>) => string;
  problem: (p: Problem) => string;
  percent: (share: number, digits?: number) => string;
  number: (value: number, digits: number) => string;
  /** figure is a number of any size to two or three digits. */
  figure: (value: number) => string;
  time: (iso: string, zone?: string) => string;
  /** list joins the parts of an enumeration. */
  list: (parts: string[]) => string;
  /** toggle is what a person chooses, and is kept; set lasts until the page is left. */
  toggle: () => void;
  set: (language: Language) => void;
}

export function makeI18n(language: Language, toggle: () => void, set: (language: Language) => void = () => undefined): I18n {
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  const t = (word: Word) => words[word][language];
  const lookup = (key: string): string | undefined => (words as Record<string, Text>)[key]?.[language];
  return {
    language,
    t,
    text: (name, otherwise) => name?.[language] || otherwise,
    fill: (word, values) => t(word).replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place)),
    reason: (code) => lookup(`reason_${code}`) ?? code,
    failure: (state) => lookup(`failure_${state.reason}`) ?? state.error,
    problem: (p) => lookup(`problem_${p.slug}`) ?? `${t("problem_other")}: ${p.detail || p.message}`,
    percent: (share, digits = 0) =>
      new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share),
    number: (value, digits) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value),
    figure: (value) =>
      value > 0 && value < 0.001
        ? "<0.001"
        : new Intl.NumberFormat(locale, value < 10_000 ? { maximumSignificantDigits: 3 } : { notation: "compact" }).format(value),
    time: (iso, zone) =>
      new Intl.DateTimeFormat(locale, {
        month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
        ...(zone ? { timeZone: zone } : {}),
      }).format(new Date(iso)),
    list: (parts) => parts.join(language === "zh" ? "、" : ", "),
    toggle,
    set,
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
      }, setLanguage),
    [language],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export const useI18n = () => useContext(Context);
