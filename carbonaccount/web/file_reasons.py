"""What is wrong with a file, its mapping or its import: one sentence a code."""

# (Chinese, English) by code.
FILE_REASONS: dict[str, tuple[str, str]] = {
    "mapping_invalid": ("映射文件有误：{problem}", "The mapping is not valid: {problem}"),
    "mapping_keys": (
        "映射中不认识的键：{unknown}；缺少的键：{missing}。",
        "Keys of the mapping that are not known: {unknown}; that are missing: {missing}.",
    ),
    "mapping_needed": (
        "没有现成的映射适合这些列，请给出映射文件。列：{columns}",
        "No ready mapping fits these columns, give one. Columns: {columns}",
    ),
    "columns_missing": ("文件缺少映射所需的列：{columns}", "The file lacks columns: {columns}"),
    "file_empty": ("文件是空的。", "The file is empty."),
    "file_format": (
        "不认识文件 {name} 的格式，可用：{allowed}。",
        "The format of {name} is not known; use {allowed}.",
    ),
    "file_encoding": (
        "第 {line} 行不是 {encoding} 编码，请在映射中写明 encoding。",
        "Line {line} is not {encoding}; name the encoding in the mapping.",
    ),
    "file_without_rows": (
        "文件只有表头，没有数据行。",
        "The file has a header, but no lines of data.",
    ),
    "file_damaged": (
        "文件 {name} 已损坏或不完整，无法读完。",
        "The file {name} is damaged or incomplete and cannot be read to its end.",
    ),
    "workbook_damaged": (
        "文件 {name} 不是能打开的 XLSX 工作簿：可能已损坏、设有密码，或只是改了后缀名。",
        "The file {name} is no XLSX workbook that can be opened: it may be damaged, have a "
        "password, or be another kind of file under this name.",
    ),
    "file_too_large": ("文件 {name} 解压后过大。", "The file {name} unpacks to too much."),
    "header_repeats": ("表头中有重复的列：{columns}", "The header repeats columns: {columns}"),
    "sheet_unknown": (
        "没有工作表 {sheet}，只有：{sheets}。",
        "There is no sheet {sheet}; there are {sheets}.",
    ),
    # --- uploads ---
    "unknown_upload": ("没有这次导入。", "There is no such upload."),
    "upload_at_work": ("这次导入正在进行。", "This import is at work already."),
    "upload_is_over": ("这次导入已经结束。", "This import is over."),
    "upload_file_gone": (
        "上传的文件已经不在这台服务器上，请重新上传。",
        "The uploaded file is no longer on this server; please upload it again.",
    ),
    "upload_lines_gone": (
        "没有可下载的明细：没有这样的行，或保存期已过。",
        "There is nothing to download: no such lines, or their time is over.",
    ),
    "too_many_uploads": (
        "已有 {limit} 个文件在排队，请等它们导入完再上传。",
        "{limit} files are waiting already; upload more when they are done.",
    ),
    "file_needed": ("请选择要导入的文件。", "Choose the file to import."),
    "mapping_missing": (
        "请粘贴或上传映射（TOML）。",
        "Paste or upload a mapping (TOML).",
    ),
    "mapping_twofold": (
        "粘贴的映射与上传的映射文件不同，请只留一个。",
        "The pasted mapping differs from the uploaded one; keep only one.",
    ),
    "mapping_too_long": (
        "映射文件超过 {limit_kib} KiB。",
        "The mapping file exceeds {limit_kib} KiB.",
    ),
    "mapping_not_utf8": ("映射文件不是 UTF-8 文本。", "The mapping file is not UTF-8 text."),
    "mapping_behavior": (
        "映射中的行为 {behavior} 不在数据来源 {source} 可上报的范围内。",
        "The source {source} may not report the behaviour {behavior} of the mapping.",
    ),
    "behaviors_not_allowed": (
        "文件中的行为（{found}）都不在数据来源 {source} 可上报的范围内（{allowed}）。",
        "The source {source} may report none of the behaviours of the file ({found}), only "
        "{allowed}.",
    ),
    "import_broke_off": (
        "导入因内部错误中断，已记录。可以重新导入。",
        "An internal error broke the import off; it has been noted. It can be taken up again.",
    ),
}
