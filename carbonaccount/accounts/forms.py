"""Forms for signing in, consent and settings: shape of the input, words for what is wrong."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField, TelField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from carbonaccount.accounts.rules import MAXIMUM_PASSWORD_LENGTH, normalize_phone
from carbonaccount.errors import Invalid
from carbonaccount.web.error_pages import explain

NO_DISTRICT = ""


class Ticked:
    """Refuses a box that was left unticked, with a sentence of its own."""

    def __init__(self, message: object) -> None:
        self.message = message

    def __call__(self, _form: FlaskForm, field: BooleanField) -> None:
        """Raise ValidationError unless the box is ticked."""
        if not field.data:
            raise ValidationError(str(self.message))


class SignInForm(FlaskForm):
    """Asking for a code: age first, then the number, the district if wanted, and the consent."""

    adult = BooleanField(
        _("我已满 14 周岁"),
        validators=[
            Ticked(
                _(
                    "未满 14 周岁需要父母或其他监护人同意才能开通，目前还不能办理。"
                    "请先不要注册，我们没有保存任何信息。"
                )
            )
        ],
    )
    phone = TelField(
        _("手机号码"),
        validators=[InputRequired(_("请填写手机号码。")), Length(max=24)],
        render_kw={"autocomplete": "tel-national", "inputmode": "tel", "maxlength": 24},
    )
    district = SelectField(_("所在区县（可以不填）"), default=NO_DISTRICT)
    agree = BooleanField(
        _("我已阅读并同意隐私告知"),
        validators=[Ticked(_("请先阅读隐私告知，同意后才能获取验证码。"))],
    )
    next = HiddenField()

    def validate_phone(self, field: TelField) -> None:
        """Bring the number into its 11 digits or say what is wrong with it."""
        try:
            field.data = normalize_phone(field.data)
        except Invalid as error:
            raise ValidationError(explain(error)) from None


class CodeForm(FlaskForm):
    """The six digits from the short message."""

    code = StringField(
        _("验证码"),
        filters=[lambda text: "".join(text.split()) if text else text],
        validators=[
            InputRequired(_("请填写短信里的 6 位数字。")),
            Regexp(r"[0-9]{6}\Z", message=_("验证码是 6 位数字。")),
        ],
        render_kw={
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "maxlength": 12,
        },
    )


class AgreeForm(FlaskForm):
    """The consent to a notice that has changed."""

    agree = BooleanField(
        _("我已阅读并同意隐私告知"),
        validators=[Ticked(_("请阅读后勾选同意；不同意可以退出登录。"))],
    )
    next = HiddenField()


class SettingsForm(FlaskForm):
    """What a resident may change about the account."""

    district = SelectField(_("所在区县"), default=NO_DISTRICT)
    locale = SelectField(
        _("界面语言"), choices=[SelectChoice("zh", "中文"), SelectChoice("en", "English")]
    )


class WithdrawForm(FlaskForm):
    """Withdrawing the consent to the notice, which needs a second thought."""

    sure = BooleanField(
        _("我确认撤回，并退出登录"),
        validators=[Ticked(_("请先勾选确认。"))],
    )


class StaffSignInForm(FlaskForm):
    """Login, password and the code of the authenticator app."""

    login = StringField(
        _("账号"),
        filters=[lambda text: text.strip() if text else text],
        validators=[InputRequired(_("请填写账号。")), Length(max=64)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _("密码"),
        validators=[InputRequired(_("请填写密码。")), Length(max=MAXIMUM_PASSWORD_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )
    totp = StringField(
        _("动态口令"),
        filters=[lambda text: "".join(text.split()) if text else text],
        validators=[
            InputRequired(_("请填写动态口令。")),
            Regexp(r"[0-9]{6}\Z", message=_("动态口令是 6 位数字。")),
        ],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 12},
    )
    next = HiddenField()
