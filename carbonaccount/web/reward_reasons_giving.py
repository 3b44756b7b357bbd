"""Sentences of giving, trees and certificates."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
REWARD_GIVING: dict[str, tuple[str, str]] = {
    # --- beneficiaries ---
    "unknown_beneficiary": ("没有这个捐赠对象。", "There is no such beneficiary."),
    "beneficiary_kind": ("请选择捐赠对象的种类。", "Choose what kind of beneficiary it is."),
    "beneficiary_takes": ("请选择收积分还是减排量。", "Choose whether it takes credits or grams."),
    "grams_for_whom": (
        "减排量只能捐给要做碳中和的公共活动或单位。",
        "Grams can be given only to public events and institutions that want to neutralise.",
    ),
    "beneficiary_text": (
        "两种语言都要填写，最多 {limit} 个字符。",
        "Write it in both languages, {limit} characters at most.",
    ),
    "beneficiary_days": (
        "请填写开始和结束日期，结束不早于开始。",
        "Give the first and the last day; the last is not before the first.",
    ),
    "beneficiary_goal": (
        "目标须为正整数，可以留空。",
        "A goal is a whole number above zero, or empty.",
    ),
    "beneficiary_institution": (
        "没有这个编号的入驻单位，或种类不是单位。可以留空。",
        "No admitted institution has this number, or the kind is not institution. May be empty.",
    ),
    "beneficiary_not_in_state": (
        "它刚刚变了，现在的状态是 {status}，请刷新后再做。",
        "It has just changed and is {status} now; reload the page.",
    ),
    "own_work": (
        "自己经手的要由另一位同事批准。",
        "What you did yourself is approved by somebody else.",
    ),
    "beneficiary_closed": ("现在不接受捐赠。", "It takes no gifts at present."),
    "beneficiary_takes_no_credits": ("它不收积分。", "It takes no credits."),
    "beneficiary_takes_no_grams": ("它不收减排量。", "It takes no grams."),
    # --- gifts ---
    "gift_amount": (
        "请填写 1 到 {limit} 的整数。",
        "Give a whole number from 1 to {limit}.",
    ),
    "consent_needed": ("请先勾选同意。", "Tick the consent first."),
    "certified_grams_short": (
        "您可以认捐的经核证减排量只有 {available} 克。",
        "You can pledge {available} certified grams only.",
    ),
    "unknown_gift": ("没有这笔捐赠。", "There is no such gift."),
    "gift_used": (
        "这笔减排量已经使用，不能再收回。",
        "These grams have been used and can no longer be taken back.",
    ),
    "gift_not_pledged": ("这笔捐赠不能收回。", "This gift cannot be taken back."),
    "gift_not_used": (
        "这笔减排量还没有使用，使用后才有捐赠证书。",
        "These grams have not been used; the certificate comes with their use.",
    ),
    "use_purpose": (
        "请写明用于什么，最多 {limit} 个字。",
        "Say what they are used for, in {limit} characters at most.",
    ),
    "nothing_pledged": (
        "没有合适的认捐可用：整笔使用，不拆分，也不超过需要的克数。",
        "No pledge fits: pledges are used whole and never beyond what is needed.",
    ),
    "no_records_room": ("现在读不到减排记录。", "The records cannot be read at present."),
    # --- plots and trees ---
    "no_tree_left": (
        "验收过的树已经全部有人认养。没有扣您的积分。",
        "Every accepted tree has been adopted. Nothing was taken from you.",
    ),
    "unknown_plot": ("没有这块林地。", "There is no such plot."),
    "unknown_tree": ("没有这棵树。", "There is no such tree."),
    "unknown_paper": ("没有这份照片或报告。", "There is no such photo or report."),
    "plot_text": ("请填写，最多 {limit} 个字符。", "Fill it in, {limit} characters at most."),
    "plot_place": (
        "坐标不对：请填写 WGS 84 的度数，例如 35.414921。",
        "The coordinate is wrong: give degrees of WGS 84, such as 35.414921.",
    ),
    "plot_planted_on": ("种植日期不能晚于今天。", "The day of planting is not after today."),
    "plot_planted": (
        "棵数须为 1 到 {limit} 的整数，且不少于已验收的。",
        "The number of trees is from 1 to {limit}, and not below the accepted ones.",
    ),
    "plot_rule": ("请选择树死了怎么办。", "Choose what happens when a tree dies."),
    "plot_reward": ("请选择“树木”类的兑换项目。", "Choose a reward of the class tree."),
    "plot_adopted": (
        "已有人认养，林地的内容不能再改。",
        "Somebody has adopted a tree of it; what the plot says stays as it is.",
    ),
    "paper_kind": ("请选择是照片还是哪种报告。", "Choose whether it is a photo or which report."),
    "paper_made_on": (
        "日期要在种植之后，不能晚于今天。",
        "The day is after the planting and not after today.",
    ),
    "paper_too_early": (
        "种植满 {years} 年之后才能做这份报告。",
        "This report is made {years} years after the planting at the earliest.",
    ),
    "paper_living": (
        "请填写成活棵数，0 到 {planted}。",
        "Give how many trees live, from 0 to {planted}.",
    ),
    "paper_note": ("说明最多 {limit} 个字。", "A note has {limit} characters at most."),
    "paper_format": (
        "报告须为 PDF，或 JPEG、PNG、WebP 图片。",
        "A report is a PDF, or a JPEG, PNG or WebP picture.",
    ),
    "paper_used_before": (
        "这份照片或报告用过了，全市只能用一次。",
        "This photo or report was used before; each is used once in the whole city.",
    ),
    "paper_not_waiting": ("这份报告不在等待批准。", "This report does not wait for approval."),
    "too_many_trees": (
        "验收的棵数超过种下的：已验收 {accepted}，种下 {planted}。",
        "More would be accepted than were planted: {accepted} accepted, {planted} planted.",
    ),
    "tree_died_on": (
        "死亡日期要在种植之后，不能晚于今天。",
        "The day it died is after the planting and not after today.",
    ),
    "tree_numbers": (
        "请填写状态合适的、已认养的树的编号，用逗号分开。",
        "Give the numbers of adopted trees in a fitting state, with commas between.",
    ),
    "no_survival_report": (
        "先要有一份已批准的成活报告。",
        "An approved survival report is needed first.",
    ),
    "more_dead_than_reported": (
        "成活报告里只少了 {missing} 棵，已登记死亡 {known} 棵。",
        "The survival report misses {missing} trees only; {known} are written down as dead.",
    ),
    "nothing_promised": (
        "这块林地的约定是不补不退。",
        "The rule of this plot promises neither a new tree nor credits.",
    ),
    "no_new_photo": (
        "请先上传一张树死之后拍的补种照片。",
        "File a photo first that was made after the trees died.",
    ),
    # --- certificates ---
    "unknown_certificate": ("没有这张证书。", "There is no such certificate."),
    "unknown_year": ("没有这一年的证书。", "There is no certificate of that year."),
    "nothing_in_year": (
        "{year} 年没有计入的减排量，不能出证书。",
        "There are no grams in {year} to write a certificate of.",
    ),
    "certificate_withdrawn": (
        "这张证书已经不再有效。",
        "This certificate has been withdrawn already.",
    ),
    "holder_name": (
        "名字最多 {limit} 个字符，不能有换行等特殊符号。",
        "A name has {limit} characters at most and no line breaks or the like.",
    ),
    "pdf_not_possible": (
        "服务器现在不能生成 PDF（缺少 {missing}），请先用网页版。",
        "The server cannot make PDFs at present ({missing} is missing); use the page instead.",
    ),
}
