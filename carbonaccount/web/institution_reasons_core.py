"""Sentences of institutions: applying, people, members, units, recognitions, challenges."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
INSTITUTION_CORE: dict[str, tuple[str, str]] = {
    "unknown_institution": (
        "没有这个单位，或您不在这个单位任职。",
        "There is no such institution, or you have no seat there.",
    ),
    "institution_not_found": ("没有这个单位。", "There is no such institution."),
    "seat_too_low": (
        "您在这个单位的角色不能做这件事，请找负责人。",
        "Your seat at this institution may not do this; ask an owner.",
    ),
    "sign_in_first": ("请先登录。", "Sign in first."),
    # --- applying ---
    "credit_code_shape": (
        "统一社会信用代码是 {length} 位数字和大写字母（不含 I、O、S、V、Z），第 3 至 8 位是数字。",
        "A unified social credit code has {length} digits and capital letters (no I, O, S, V, Z); "
        "the 3rd to the 8th are digits.",
    ),
    "credit_code_check": (
        "统一社会信用代码的校验位不对，请对照证书检查有没有输错或前后颠倒。",
        "The check character does not fit: compare the code with your certificate.",
    ),
    "credit_code_needed": (
        "这类单位要填统一社会信用代码。",
        "An institution of this kind needs its unified social credit code.",
    ),
    "credit_code_taken": (
        "这个代码的单位已经入驻，或正在审核。请该单位的负责人给您邀请码。",
        "An institution with this code has joined or is being looked at; ask its owner for an "
        "invitation.",
    ),
    "institution_kind": ("请选择类型。", "Choose a kind."),
    "institution_name": (
        "名称不能为空，至多 {limit} 个字。",
        "A name is needed, of at most {limit} characters.",
    ),
    "district_needed": ("请选择区县。", "Choose a district."),
    "institution_sizes": (
        "面积或人数超出了可能的范围。",
        "The area or the head count lies outside what is possible.",
    ),
    "too_many_applications": (
        "您已有 {limit} 个申请在审核，请等结果出来再申请。",
        "You have {limit} applications waiting; wait for an answer first.",
    ),
    "applicant_name": (
        "请填写您的姓名，最多 {limit} 个字符。",
        "Give your name, with {limit} characters at most.",
    ),
    "applicant_authority": (
        "请写明职务和授权文件，{minimum} 至 {limit} 个字符。",
        "Say your office and what authorises you, in {minimum} to {limit} characters.",
    ),
    "application_decided": (
        "这个申请已有结果。",
        "This application has been decided already.",
    ),
    "institution_not_active": (
        "这个单位没有在用。",
        "This institution is not active.",
    ),
    "reason_length": (
        "请写明理由，{minimum} 至 {maximum} 个字。",
        "Give a reason of {minimum} to {maximum} characters.",
    ),
    # --- people and units ---
    "unknown_seat": ("请选择角色。", "Choose a seat."),
    "seat_invitation_bad": (
        "邀请码不对、已用过或已过期，请负责人重新生成一个。",
        "The invitation is wrong, used or over; ask the owner for a new one.",
    ),
    "unknown_person": ("这个人不在本单位任职。", "This person has no seat here."),
    "last_institution_owner": (
        "单位至少要有一位负责人。请先邀请另一位负责人，再改角色或移出。",
        "An institution needs an owner: invite another one first.",
    ),
    "unknown_parent": (
        "没有找到这个单位编号或代码的在用单位。",
        "No active institution has this unit number or code.",
    ),
    "own_parent": ("不能隶属于自己。", "A unit cannot belong to itself."),
    "belonging_open": (
        "已经隶属于一个单位，或已提交申请；请先解除或撤回。",
        "The unit belongs to another already, or has asked to; end that first.",
    ),
    "belonging_circle": (
        "对方在本单位之下，不能再作为上级。",
        "That unit stands below this one and cannot be its parent.",
    ),
    "belonging_answered": ("这个申请已经处理过了。", "This has been answered already."),
    "unknown_belonging": ("没有这个隶属关系。", "There is no such relation."),
    # --- members ---
    "join_code_unknown": (
        "没有这个成员码，可能已经换了新的，请向单位要最新的。",
        "There is no such code; it may have been replaced, ask for the present one.",
    ),
    "member_consent_needed": (
        "请先阅读说明，勾选同意后才能加入。",
        "Read the notice and tick the box to join.",
    ),
    "unknown_team": ("请选择列表里的班级或部门。", "Choose a class or department of the list."),
    "already_member": ("您已经计入这个单位。", "You are counted with this institution already."),
    "not_a_member": (
        "您没有计入这个单位，或已经退出。",
        "You are not counted with this institution, or have left.",
    ),
    "team_name": (
        "名称须为 1 至 {limit} 个字。",
        "A name has 1 to {limit} characters.",
    ),
    "team_exists": ("已有同名的班级或部门。", "There is a class or department of this name."),
    "too_many_teams": (
        "至多 {limit} 个班级或部门。",
        "At most {limit} classes or departments.",
    ),
    # --- recognitions ---
    "unknown_scheme": ("没有这种绿色创建。", "There is no such recognition."),
    "unknown_criterion": ("没有这一条。", "There is no such criterion."),
    "unknown_recognition": ("没有这个创建申请。", "There is no such application."),
    "scheme_not_for_kind": (
        "这种创建不面向这类单位。",
        "This recognition is not for institutions of this kind.",
    ),
    "recognition_under_way": (
        "这种创建已经在申请中。",
        "An application for this recognition is under way.",
    ),
    "recognition_not_open": (
        "这一条现在不能改：已经采纳，或申请已提交。",
        "This cannot be changed now: it was accepted, or the application was sent in.",
    ),
    "recognition_not_submitted": (
        "这个申请不在待审状态。",
        "This application does not wait for a review.",
    ),
    "answer_length": (
        "请写明怎样做到，1 至 {limit} 个字。",
        "Say how, in 1 to {limit} characters.",
    ),
    "recognition_file_format": (
        "佐证材料须为 PDF、JPEG 或 PNG。",
        "Evidence is a PDF, JPEG or PNG.",
    ),
    "file_there_already": (
        "同一个文件已经在这一条里。",
        "The same file is with this criterion already.",
    ),
    "too_many_files": ("每一条至多 {limit} 个文件。", "A criterion takes at most {limit} files."),
    "unknown_file": ("没有这个文件，或已经移除。", "There is no such file, or it was removed."),
    "criteria_incomplete": (
        "还有 {count} 条没有写明、没有佐证材料，或退回后还没有修改。",
        "{count} criteria lack a sentence or a file, or were not mended after being sent back.",
    ),
    "criteria_unjudged": (
        "还有 {count} 条没有审。",
        "{count} criteria have not been judged.",
    ),
    "criteria_not_accepted": (
        "全部采纳后才能认定。",
        "It can be granted once every criterion is accepted.",
    ),
    "nothing_sent_back": (
        "没有退回的条目；请认定，或不予认定并写明理由。",
        "No criterion was sent back: grant it, or refuse it with a reason.",
    ),
    "recognition_not_granted": (
        "只有已认定的才能撤销或更正有效期。",
        "Only what was granted can be revoked, or its last day corrected.",
    ),
    "answer_changed": (
        "别人刚刚改过这一条，您写的没有保存，还在框里。请对照现在保存的内容后再保存。",
        "Somebody has just changed this one. What you wrote is not saved and still stands in the "
        "field; compare it with what is saved now, then save again.",
    ),
    "naming_families_only": (
        "只有家庭需要选择是否公开名称。",
        "Only families choose whether their name is published.",
    ),
    "recognition_validity": (
        "有效期须晚于今天，至多 {years} 年。",
        "It is valid until a later day, at most {years} years on.",
    ),
    # --- challenges ---
    "unknown_campaign": ("没有这个挑战。", "There is no such challenge."),
    "campaign_name": (
        "名称不能为空，至多 {limit} 个字。",
        "A name is needed, of at most {limit} characters.",
    ),
    "campaign_behavior": ("请选择行为。", "Choose a behaviour."),
    "campaign_first_day": ("第一天须是今天或以后。", "It begins today or later."),
    "campaign_first_part": (
        "第一天须是一个月的 1 日、8 日、15 日或 22 日。",
        "The first day is the 1st, 8th, 15th or 22nd of a month.",
    ),
    "campaign_last_part": (
        "最后一天须是一个月的 7 日、14 日、21 日或月底。",
        "The last day is the 7th, 14th or 21st of a month, or its end.",
    ),
    "campaign_days": (
        "最后一天须让挑战一共 {minimum} 至 {maximum} 天。",
        "It lasts {minimum} to {maximum} days in all.",
    ),
    "campaign_goal": (
        "目标至少 1 次，至多 {limit} 次。",
        "The goal is from 1 to {limit}.",
    ),
    "too_many_campaigns": (
        "同时至多 {limit} 个没有结束的挑战。",
        "At most {limit} challenges that have not ended.",
    ),
    "campaign_over": ("这个挑战已经结束。", "This challenge is over."),
}
