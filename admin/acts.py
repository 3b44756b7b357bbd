"""What was done, and what jobs came to, in words: the audit trail's and the jobs' codes."""

import re

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rewards.labels import ACTS as REWARD_ACTS

ACTS: dict[str, LazyString] = {
    **REWARD_ACTS,
    # Institutions: who they are, who works for them, whom they belong to.
    "institution.apply": _l("申请入驻"),
    "institution.withdraw": _l("撤回申请"),
    "institution.admit": _l("同意入驻"),
    "institution.refuse": _l("拒绝入驻"),
    "institution.close": _l("关闭单位"),
    "institution.demo": _l("建立演示单位"),
    "institution.facts": _l("修改单位资料"),
    "institution.import_list": _l("从名单导入"),
    "institution.invite": _l("发出邀请"),
    "institution.take_seat": _l("接受邀请"),
    "institution.change_seat": _l("改变角色"),
    "institution.remove_person": _l("移出人员"),
    "institution.join_code": _l("换加入码"),
    "institution.team": _l("设立小组"),
    "institution.end_team": _l("撤销小组"),
    "institution.ask_parent": _l("请求归属上级单位"),
    "institution.agree_child": _l("同意下属单位"),
    "institution.refuse_child": _l("拒绝下属单位"),
    "institution.end_belonging": _l("结束隶属关系"),
    "member.team": _l("换小组"),
    # Recognitions.
    "recognition.start": _l("开始申请"),
    "recognition.answer": _l("填写一条标准"),
    "recognition.file": _l("上传佐证"),
    "recognition.remove_file": _l("删除佐证"),
    "recognition.submit": _l("提交申请"),
    "recognition.return": _l("退回修改"),
    "recognition.accept": _l("一条标准通过"),
    "recognition.send_back": _l("一条标准退回"),
    "recognition.grant": _l("认定"),
    "recognition.refuse": _l("不予认定"),
    "recognition.correct": _l("更正认定"),
    "recognition.revoke": _l("撤销认定"),
    "recognition.name": _l("同意公布名称"),
    "recognition.unname": _l("收回公布名称的同意"),
    # Inventories.
    "inventory.open": _l("建立排放清单"),
    "inventory.import": _l("导入排放清单"),
    "inventory.undo": _l("撤销上一步"),
    "inventory.sizes": _l("修改面积和人数"),
    "inventory.evidence": _l("上传佐证"),
    "inventory.evidence_remove": _l("删除佐证"),
    "inventory.base_year": _l("设定基准年"),
    "inventory.submit": _l("提交排放清单"),
    "inventory.take_back": _l("收回排放清单"),
    "inventory.return": _l("退回排放清单"),
    "inventory.lock": _l("锁定排放清单"),
    "inventory.correct": _l("更正排放清单"),
    "inventory.drop_correction": _l("放弃更正"),
    # Offsets, what sources' reports are given to, plantations.
    "lot.add": _l("登记批次"),
    "lot.split": _l("拆分批次"),
    "lot.retire": _l("注销批次"),
    "lot.withdraw": _l("撤回批次"),
    "attribution.begin": _l("开始给出份额"),
    "attribution.end": _l("结束份额"),
    "plantation.add": _l("登记造林"),
    "survival.file": _l("上传成活核查"),
    "survival.accepted": _l("成活核查通过"),
    "survival.refused": _l("成活核查不通过"),
    # Neutrality.
    "neutrality.plan": _l("写碳中和计划"),
    "neutrality.measure": _l("写减排措施"),
    "neutrality.measure_removed": _l("删除减排措施"),
    "statement.draft": _l("起草声明"),
    "statement.discard": _l("放弃声明草稿"),
    "statement.write": _l("填写说明"),
    "statement.evidence_opened": _l("打开佐证文件"),
    "statement.gap": _l("说明缺少的数据"),
    "statement.pick": _l("选择批次"),
    "statement.uncertainty": _l("填写不确定度"),
    "statement.uncertainty_removed": _l("清除不确定度"),
    "statement.submit": _l("提交审核"),
    "statement.take_back": _l("收回声明"),
    "statement.review": _l("审核通过"),
    "statement.send_back": _l("退回修改"),
    "statement.publish": _l("发布"),
    "statement.withdraw": _l("撤回"),
    # Events.
    "event.create": _l("建立活动"),
    "event.edit": _l("修改活动"),
    "event.discard": _l("删除活动"),
    "event.plan": _l("写减排计划"),
    "event.replan": _l("修改减排计划"),
    "event.add_measure": _l("写减排措施"),
    "event.remove_measure": _l("删除减排措施"),
    "event.achieved": _l("填写措施成效"),
    "event.begin": _l("活动开始"),
    "event.end": _l("活动结束"),
    "event.accounting": _l("开始核算"),
    "event.enter_people": _l("代填参加者"),
    "event.remove_people": _l("删除代填"),
    "event.head_count": _l("填写参加人数"),
    "event.enter_amount": _l("填写用量"),
    "event.remove_amount": _l("删除用量"),
    "event.missing": _l("说明没有用量的来源"),
    "event.settle": _l("锁定核算"),
    "event.offset": _l("抵消"),
    "event.publish": _l("公布证书"),
    "event.withdraw": _l("撤回证书"),
    "event.withdrawn": _l("撤回证书"),
    # Pools and challenges.
    "pool.draft": _l("起草合并出售"),
    "pool.edit": _l("修改合并出售"),
    "pool.open": _l("开放参加"),
    "pool.close": _l("汇集完毕"),
    "pool.sell": _l("出售"),
    "pool.call_off": _l("取消合并出售"),
    "pool.leave": _l("退出合并出售"),
    "campaign.begin": _l("开始挑战"),
    "campaign.call_off": _l("取消挑战"),
}
# What the summary of a job counts, e.g. `activated=2 superseded=1`.
_COUNTED: dict[str, LazyString] = {
    "nonces": _l("删除随机数"),
    "codes": _l("删除验证码或绑定码"),
    "counters": _l("删除计数"),
    "sessions": _l("删除登录"),
    "activated": _l("生效"),
    "superseded": _l("被取代"),
    "records": _l("记录"),
    "days": _l("天"),
    "parts": _l("公布的部分"),
    "sources": _l("来源"),
    "differing": _l("不一致"),
    "files": _l("文件"),
    "payments": _l("补扣"),
    "ended": _l("结束"),
    "reminded": _l("提醒"),
    "digits": _l("删除号码"),
    "attempts": _l("删除尝试记录"),
    "told": _l("通知"),
    "forgotten": _l("忘记浏览器"),
    "closed": _l("结束"),
    "given": _l("发出"),
    "offered": _l("递补"),
    "drafted": _l("起草"),
    "invariants": _l("检查项"),
    "broken": _l("不成立"),
}
_COUNT = re.compile(r"\b([a-z_]+)=(?=\d)")


def act_text(action: str) -> str:
    """Return what was done in words; an act without words by its code."""
    return str(ACTS.get(action, action))


def summary_text(summary: str | None) -> str:
    """Return what a job came to with its counts in words: `生效 2 · 被取代 1`."""

    def said(found: re.Match[str]) -> str:
        word = _COUNTED.get(found[1])
        return found[0] if word is None else f"{word} "

    text = summary or ""
    parts = _COUNT.findall(text)
    return (" · " if len(parts) > 1 else " ").join(
        _COUNT.sub(said, part) for part in re.split(r" (?=[a-z_]+=\d)", text)
    )
