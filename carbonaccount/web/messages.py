"""What a stable code means to people: one sentence a code, in Chinese and in English.

Programs read the code, people read the sentence. A sentence may hold `{name}` of the error's
params; one that is not given is left out. Whoever adds a code adds its sentence here.
"""

import re
from collections.abc import Mapping

from carbonaccount.web.desk_messages import DESK
from carbonaccount.web.file_reasons import FILE_REASONS
from carbonaccount.web.formula_reasons import FORMULA_REASONS
from carbonaccount.web.institution_reasons_city import CITY_REASONS
from carbonaccount.web.institution_reasons_core import INSTITUTION_CORE
from carbonaccount.web.institution_reasons_events import INSTITUTION_EVENTS
from carbonaccount.web.institution_reasons_inventory import INSTITUTION_INVENTORY
from carbonaccount.web.institution_reasons_offsets import OFFSET_REASONS
from carbonaccount.web.institution_reasons_pools import INSTITUTION_POOLS
from carbonaccount.web.inventory_reasons import INVENTORY_REASONS
from carbonaccount.web.reasons import REASONS
from carbonaccount.web.reward_reasons_catalogue import REWARD_CATALOGUE
from carbonaccount.web.reward_reasons_fund import REWARD_FUND
from carbonaccount.web.reward_reasons_giving import REWARD_GIVING
from carbonaccount.web.reward_reasons_merchants import REWARD_MERCHANTS
from carbonaccount.web.reward_reasons_redeeming import REWARD_REDEEMING
from carbonaccount.web.rule_life_reasons import RULE_LIFE_REASONS

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)

# (Chinese, English) by HTTP status: the title of a problem of that kind.
TITLES: dict[int, tuple[str, str]] = {
    400: ("请求无法读取", "The request cannot be read"),
    401: ("未通过身份验证", "Not authenticated"),
    403: ("不允许", "Not allowed"),
    404: ("找不到", "Not found"),
    405: ("不支持该方法", "Method not allowed"),
    406: ("无法按要求的格式回答", "Not acceptable"),
    409: ("与现有状态冲突", "Conflict"),
    411: ("缺少长度", "Length required"),
    413: ("内容过大", "Content too large"),
    414: ("地址过长", "Address too long"),
    415: ("不支持该内容格式", "Unsupported content"),
    422: ("内容不符合要求", "Content not valid"),
    429: ("请求过于频繁", "Too many requests"),
    431: ("请求头过大", "Headers too large"),
    500: ("服务器内部错误", "Internal error"),
    501: ("尚不支持", "Not implemented"),
    503: ("服务暂不可用", "Service unavailable"),
}

# (Chinese, English) by code.
SENTENCES: dict[str, tuple[str, str]] = {
    **FORMULA_REASONS,
    **REASONS,
    **DESK,
    **FILE_REASONS,
    **RULE_LIFE_REASONS,
    **REWARD_CATALOGUE,
    **REWARD_MERCHANTS,
    **REWARD_GIVING,
    **REWARD_FUND,
    **REWARD_REDEEMING,
    **INVENTORY_REASONS,
    **OFFSET_REASONS,
    **INSTITUTION_EVENTS,
    **INSTITUTION_POOLS,
    **INSTITUTION_INVENTORY,
    **INSTITUTION_CORE,
    **CITY_REASONS,
    # --- of the database and of jobs ---
    "database_not_ready": (
        "数据库还没有建好结构，请先运行 flask db upgrade 和 flask seed。",
        "The database has no schema yet: run flask db upgrade and flask seed first.",
    ),
    "database_unreachable": (
        "连不上数据库，请检查 DATABASE_URL 和数据库是否在运行。",
        "The database cannot be reached: check DATABASE_URL and whether it is running.",
    ),
    "database_in_memory": (
        "DATABASE_URL 没有写明文件：内存中的 SQLite 会丢数据。",
        "DATABASE_URL names no file: SQLite in memory would lose everything.",
    ),
    "sqlite_not_synchronous": (
        "SQLite 没有以 synchronous=FULL 运行，断电会丢失已确认的数据。",
        "SQLite does not run with synchronous=FULL: a power cut would lose what was confirmed.",
    ),
    "postgresql_not_durable": (
        "PostgreSQL 的 {setting} 是关闭的，断电会丢失已确认的数据。",
        "PostgreSQL has {setting} off: a power cut would lose what was confirmed.",
    ),
    "job_done_elsewhere": (
        "另一个进程刚刚做完了 {period} 的任务 {name}。",
        "Another process has just done {name} for {period}.",
    ),
    "job_fenced": (
        "做到一半时别的进程已接手（第 {epoch} 届已结束），这次的结果没有保留。",
        "Another process took over meanwhile (epoch {epoch} is over): nothing of this run stays.",
    ),
    "unknown_job": ("没有名为 {name} 的任务。", "There is no job named {name}."),
    # --- of the web itself ---
    "http_400": ("服务器无法理解这个请求。", "The server could not understand this request."),
    "http_401": ("请先登录。", "Please sign in first."),
    "http_403": ("您没有权限这样做。", "You are not allowed to do this."),
    "http_404": ("这个地址下没有内容。", "There is nothing at this address."),
    "http_405": ("这个地址不支持该方法。", "This address does not take this method."),
    "http_413": ("发送的内容过大。", "What was sent is too large."),
    "http_415": ("不支持这种内容格式。", "This kind of content is not supported."),
    "http_422": ("发送的内容不符合要求。", "What was sent is not valid."),
    "http_429": ("请求过于频繁，请稍后再试。", "Too many requests; please come back later."),
    "http_500": (
        "服务器出了问题，已记录，请稍后再试。",
        "Something went wrong here. It has been noted; please try again later.",
    ),
    "http_503": ("服务暂时不可用，请稍后再试。", "The service is unavailable; please try again."),
    # --- reading a request's content ---
    "malformed_body": ("内容不是有效的 JSON。", "The content is not valid JSON."),
    "malformed_gzip": ("gzip 内容损坏或不完整。", "The gzip content is damaged or cut off."),
    "body_too_large": (
        "内容超过 {limit_bytes} 字节（解压后也按此计算）。",
        "The content exceeds {limit_bytes} bytes (counted after decompression as well).",
    ),
    "too_many_items": ("一批最多 {limit} 条记录。", "A batch holds at most {limit} items."),
    "content_encoding": (
        "只支持不压缩或 gzip 压缩的内容。",
        "Content must be sent plain or compressed with gzip.",
    ),
    "content_type": (
        "内容类型必须是 application/json。",
        "The content type must be application/json.",
    ),
    "invalid_content": ("有字段不符合要求，见 errors。", "Some fields are not valid; see errors."),
    "busy": ("系统繁忙，请稍后用新的 nonce 重试。", "The system is busy; retry with a new nonce."),
    # --- fields ---
    "not_an_object": ("必须是 JSON 对象。", "It must be a JSON object."),
    "not_a_batch": (
        "{field} 必须是至少含一条记录的列表。",
        "{field} must be a list of at least one item.",
    ),
    "no_lines": (
        "{field} 里一行也没有，至少要有一行。",
        "{field} is empty: give at least one line.",
    ),
    "repeated_name": (
        "同一个 JSON 对象里“{name}”出现了两次。",
        "“{name}” stands twice in one JSON object.",
    ),
    "missing_field": ("缺少字段 {field}。", "The field {field} is missing."),
    "unknown_field": ("不认识的字段 {field}。", "The field {field} is not known."),
    "unstorable_character": (
        "填写的内容里有无法保存的字符（U+0000），请删去后再提交。",
        "What was entered holds a character that cannot be kept (U+0000); remove it.",
    ),
    "not_text": ("{field} 必须是文字。", "{field} must be text."),
    "not_valid": ("{field} 的内容不符合要求。", "{field} is not valid."),
    "not_a_number": ("{field} 不是数字。", "{field} is not a number."),
    "not_finite": ("{field} 必须是有限的数字。", "{field} must be a finite number."),
    "too_many_decimals": (
        "{field} 最多 {limit} 位小数。",
        "{field} has at most {limit} decimals.",
    ),
    "negative": ("{field} 不能是负数。", "{field} must not be negative."),
    "too_small": (
        "{field} 不能小于 {minimum} {unit}。",
        "{field} must not be less than {minimum} {unit}.",
    ),
    "too_large": (
        "{field} 不能大于 {maximum} {unit}。",
        "{field} must not exceed {maximum} {unit}.",
    ),
    "amount_zero": ("{field} 算下来是零，没有可计入的量。", "{field} comes to nothing to count."),
    "not_a_date": (
        "{field} 必须是形如 2026-03-01 的日期。",
        "{field} must be a date like 2026-03-01.",
    ),
    "not_a_moment": (
        "{field} 必须是带时区的时间，形如 2026-03-01T08:30:00+08:00。",
        "{field} must be a time with its offset, like 2026-03-01T08:30:00+08:00.",
    ),
    "unknown_evidence": (
        "{field} 必须是 A、B、C、D 之一。",
        "{field} must be one of A, B, C, D.",
    ),
    # --- records and photos ---
    "unknown_record": (
        "没有这条记录，或者它不是您的。",
        "There is no such record, or it is not yours.",
    ),
    "photo_format": (
        "照片打不开，请用 JPEG、PNG 或 WebP 格式。",
        "The photo cannot be opened; use JPEG, PNG or WebP.",
    ),
    "photo_too_large": (
        "照片太大，最多 {limit_mib} MiB。",
        "The photo is too large; at most {limit_mib} MiB.",
    ),
    "unknown_filter": (
        "没有看懂筛选条件“{name}”的值“{value}”，请返回重新筛选。",
        "The value “{value}” of the filter “{name}” is not known; go back and filter anew.",
    ),
    # --- behaviours and rules ---
    "unknown_behavior": ("没有名为 {behavior} 的行为。", "There is no behaviour {behavior}."),
    "behavior_off": ("行为 {behavior} 目前停用。", "The behaviour {behavior} is switched off."),
    "no_rule": (
        "行为 {behavior} 在 {day} 没有生效的规则。",
        "The behaviour {behavior} has no rule in force on {day}.",
    ),
    # --- sources, keys and bindings ---
    "not_authenticated": (
        "签名未通过验证。请检查密钥、时间、随机数和签名的内容。",
        "The signature does not hold. Check key, time, nonce and what was signed.",
    ),
    "source_exists": ("数据来源 {source} 已经存在。", "The source {source} exists already."),
    "unknown_source": ("没有名为 {source} 的数据来源。", "There is no source {source}."),
    "source_inactive": ("数据来源 {source} 已停用。", "The source {source} is switched off."),
    "source_not_bindable": (
        "数据来源 {source} 不能由居民绑定。",
        "Residents cannot bind the source {source}.",
    ),
    "bad_source_code": (
        "数据来源代码须以小写字母开头，只含小写字母、数字、- 和 _，最多 40 个字符。",
        "A source code begins with a lower-case letter and holds only lower-case letters, "
        "digits, - and _, at most 40 characters.",
    ),
    "bad_source_name": ("名称须为 1 至 80 个字符。", "A name has 1 to 80 characters."),
    "no_behaviors": ("至少要给出一种行为。", "Name at least one behaviour."),
    "unknown_behaviors": ("没有这些行为：{names}。", "There are no such behaviours: {names}."),
    "bad_algorithm": (
        "签名算法须为 hmac-sha256 或 ed25519。",
        "The algorithm must be hmac-sha256 or ed25519.",
    ),
    "bad_public_key": (
        "ed25519 需要 base64 编码的 32 字节公钥；hmac-sha256 不需要公钥。",
        "ed25519 needs a public key of 32 bytes in base64; hmac-sha256 takes none.",
    ),
    "bad_overlap": (
        "旧密钥的保留期须为 0 至 {limit} 天。",
        "Old keys stay valid for 0 to {limit} days.",
    ),
    "unknown_key": ("没有密钥 {key_id}。", "There is no key {key_id}."),
    "bad_subject": (
        "用户标识须为 1 至 64 个可见字符，且不得是手机号或证件号。",
        "A subject has 1 to 64 visible characters and is never a phone or identity number.",
    ),
    "subject_taken": (
        "该用户标识已绑定到其他居民。",
        "This subject is bound to another resident.",
    ),
    "binding_code_invalid": (
        "绑定码不正确、已使用或已过期。",
        "The binding code is wrong, used or expired.",
    ),
    "not_a_demo_source": (
        "{source} 不是演示用的数据来源。",
        "{source} is no source of the demonstration.",
    ),
    "demo_subjects_taken": (
        "演示用的用户都已被绑定。",
        "All customers of the demonstration are bound already.",
    ),
    "no_consent": (
        "该居民没有同意使用这个数据来源。",
        "The resident has not agreed to this source.",
    ),
    "unknown_account": ("没有这个碳账户。", "There is no such carbon account."),
    "account_closed": ("该碳账户已注销。", "This carbon account is closed."),
    # --- signing in ---
    "phone_invalid": (
        "请填写 11 位中国大陆手机号码。",
        "Enter a mainland mobile number of 11 digits.",
    ),
    "phone_refused": ("短信服务不接受这个号码，请检查。", "The carrier does not know this number."),
    "sms_unavailable": (
        "短信暂时发不出去，请几分钟后再试。",
        "The message cannot be sent right now; please try again in a few minutes.",
    ),
    "code_wrong": (
        "验证码不对，还可以再试 {attempts_left} 次。",
        "The code is wrong; {attempts_left} tries are left.",
    ),
    "code_expired": (
        "验证码已用过或已过期，请重新获取。",
        "The code was used or has expired; please ask for a new one.",
    ),
    "code_guesses_used_up": (
        "这个验证码试错太多次，已作废，请重新获取。",
        "This code was tried too often and is void; please ask for a new one.",
    ),
    "notice_changed": (
        "隐私告知刚刚更新，请重新阅读后再登录。",
        "The privacy notice has just changed; please read it and sign in again.",
    ),
    "sign_in_needed": ("请先登录。", "Please sign in first."),
    "form_expired": (
        "页面已过期，请返回上一页刷新后再提交。",
        "This form has expired; go back, reload the page and send it again.",
    ),
    "district_unknown": ("没有这个区县。", "There is no such district."),
    "account_not_found": ("没有这个账户。", "There is no such account."),
    "session_not_found": (
        "这个浏览器已经退出登录。",
        "That browser is signed out already.",
    ),
    "too_many_attempts_wait": (
        "尝试次数过多，请 {minutes} 分钟后再试。",
        "Too many attempts; please try again in {minutes} min.",
    ),
    # --- staff ---
    "staff_sign_in_failed": (
        "账号、密码或动态口令不对。",
        "Login, password or code is wrong.",
    ),
    "role_missing": ("你的角色不能这样做。", "Your role does not allow this."),
    "role_needed": ("至少要给一个角色。", "Give at least one role."),
    "roles_clash": (
        "三员分立：系统管理员、安全管理员、审计员不能由同一人担任（{roles}）。",
        "System administrator, security administrator and auditor are three different people "
        "({roles}).",
    ),
    "login_invalid": (
        "账号须为 3 至 64 个小写字母、数字、点、横线或下划线，以字母开头。",
        "A login has 3 to 64 lower-case letters, digits, dots, dashes or underscores and begins "
        "with a letter.",
    ),
    "login_taken": ("账号 {login} 已存在。", "The login {login} is taken."),
    "password_length": (
        "密码须为 {minimum} 至 {maximum} 个字符。",
        "A password has {minimum} to {maximum} characters.",
    ),
    "first_admin_exists": (
        "已经有工作人员账号，第一个管理员只能创建一次。",
        "There are staff accounts already; the first administrator is made only once.",
    ),
    "staff_not_found": ("没有账号 {login}。", "There is no login {login}."),
    # --- previews and re-scoring ---
    "unknown_preview": ("没有这次试算。", "There is no such preview."),
    "unknown_rule_version": ("没有规则版本 {id}。", "There is no rule version {id}."),
    "preview_versions": (
        "一次试算选 1 至 {limit} 个版本。",
        "A preview tries 1 to {limit} versions.",
    ),
    "preview_days": ("最后一天不能早于第一天。", "The last day is not before the first."),
    "preview_at_work": ("这次试算正在进行。", "This preview is at work already."),
    "preview_is_over": ("这次试算已经结束。", "This preview is over."),
    "preview_broke_off": (
        "试算中途出错，可以重新运行；原因已记入日志。",
        "The preview broke off and can be run again; the log says why.",
    ),
    "preview_amounts_too_large": (
        "按这条规则，这段历史的合计超出了可以计算的范围，请检查规则中的数字。",
        "Under this rule the history adds up to more than can be counted; check its numbers.",
    ),
    "unknown_rescore": ("没有这次重算。", "There is no such re-scoring."),
    "rescore_days": (
        "重算的日期须在今天之前，且最后一天不早于第一天。",
        "A re-scoring looks at days that are over, the last not before the first.",
    ),
    "rescore_unpublished": (
        "只能按已经批准的规则版本重算。",
        "Only a version that was approved can be used to score again.",
    ),
    "rescore_open": (
        "这个行为还有一次重算没有办完。",
        "Another re-scoring of this behaviour is still open.",
    ),
    "rescore_changes_nothing": (
        "按这个版本重算，没有任何记录会改变。",
        "Under this version no record would change.",
    ),
    "rescore_changes_others": (
        "这个版本会让其他行为或其他日子的 {records} 条记录改变，不能用来重算。",
        "This version would change {records} records of other behaviours or days.",
    ),
    "rescore_not_in_state": (
        "这次重算现在的状态不能这样做。",
        "The re-scoring does not stand where this can be done.",
    ),
    "own_rescore": (
        "自己提出的重算须由另一人批准。",
        "Somebody else approves what you proposed.",
    ),
    "rescore_outdated": (
        "提出以来有 {records} 条记录变了，请撤回后重新提出。",
        "{records} records have changed since; withdraw it and propose it anew.",
    ),
    "rescore_broke_off": (
        "中途出错，什么都没有改；原因已记入日志。",
        "It broke off and nothing was changed; the log says why.",
    ),
    "task_at_work": ("这件事正在进行。", "This is at work already."),
    # --- general ---
    "unavailable": ("所依赖的服务暂时不可用。", "A service this needs is unavailable."),
    "refused": ("请求被拒绝。", "The request was refused."),
    "not_found": ("找不到。", "Not found."),
    "forbidden": ("您没有权限这样做。", "You are not allowed to do this."),
    "invalid": ("内容不符合要求。", "The content is not valid."),
    "conflict": ("与现有内容冲突。", "It conflicts with what is there."),
    "too_many_attempts": (
        "尝试次数过多，请稍后再试。",
        "Too many attempts; please come back later.",
    ),
    "insufficient_balance": ("余额不足。", "The balance does not suffice."),
}


_PLACE = re.compile(r"( ?)\{(\w+)\}( ?)")
_HAN = re.compile(r"[\u4e00-\u9fff]")


class _Given(dict[str, object]):
    """Params of a sentence; one that was not given leaves no trace in it."""

    def __missing__(self, _key: str) -> str:
        return ""


def title(status: int, language: str) -> str:
    """Return the title of problems of an HTTP status."""
    return _pick(TITLES.get(status, TITLES[500 if status >= 500 else 400]), language)


def sentence(code: str, params: Mapping[str, object], language: str) -> str:
    """Return the sentence of a code with its params put in; the code itself when none is known."""
    if code not in SENTENCES:
        return code
    text = _pick(SENTENCES[code], language)
    return (text if language == ENGLISH else _closed_up(text, params)).format_map(_Given(params))


def _closed_up(text: str, params: Mapping[str, object]) -> str:
    """Drop the spaces around a place into which Chinese comes; they set off other scripts."""

    def join(place: re.Match[str]) -> str:
        before, name, after = place.groups()
        value = str(params.get(name, ""))
        before = "" if _HAN.match(value[:1]) else before
        after = "" if _HAN.match(value[-1:]) else after
        return f"{before}{{{name}}}{after}"

    return _PLACE.sub(join, text)


def _pick(pair: tuple[str, str], language: str) -> str:
    return pair[1] if language == ENGLISH else pair[0]
