"""What is refused in inventories of institutions: a sentence a code, in Chinese and in English."""

INSTITUTION_INVENTORY: dict[str, tuple[str, str]] = {
    "no_factor_room": ("排放因子库没有装好。", "The library of emission factors is missing."),
    # --- amounts and units ---
    "unit_missing": (
        "{field}：请写明单位，没有单位的数量不能计入。",
        "{field}: give the unit; an amount without one cannot be counted.",
    ),
    "unit_does_not_fit": (
        "单位“{unit}”换算不成“{wanted}”，请检查单位。",
        "The unit “{unit}” cannot be converted to “{wanted}”; check the unit.",
    ),
    "unknown_month": (
        "月份请填 1 至 12，或“全年”。",
        "Give a month from 1 to 12, or “year”.",
    ),
    "month_of_other_year": (
        "这是 {year} 年的清单，不能填 {found} 年的月份。",
        "This is the inventory of {year}; a month of {found} does not belong here.",
    ),
    "unknown_basis": (
        "数据来源请填：计量或账单、推算、估计。",
        "The basis is one of: meter or bill, computed, estimated.",
    ),
    "text_too_long": ("{field} 最多 {limit} 个字符。", "{field} has at most {limit} characters."),
    # --- lines ---
    "line_exists": (
        "这个月份、能源和地点已经有一行了（大小写、全角半角不同也算同一个地点）；"
        "请改那一行，或写明另一个地点或表计。",
        "There is a line for this month, energy and place already (places that differ in case or "
        "width only are one): edit it, or name another place or meter.",
    ),
    "line_repeats": (
        "与第 {line} 行重复（月份、能源和地点都相同）。",
        "It repeats line {line}: same month, energy and place.",
    ),
    "changed_meanwhile": (
        "您打开之后，有人改过并保存了。",
        "Somebody changed and saved this after you had opened it.",
    ),
    "line_limit": ("一年的清单最多 {limit} 行。", "A year's inventory has at most {limit} lines."),
    "line_not_found": (
        "没有这一行，或者它已被删除。",
        "There is no such line, or it was removed.",
    ),
    "nothing_to_undo": ("没有可以撤销的修改。", "There is nothing to undo."),
    # --- the life of a year ---
    "inventory_not_found": ("{year} 年还没有清单。", "There is no inventory of {year} yet."),
    "inventory_exists": ("{year} 年已经有清单了。", "There is an inventory of {year} already."),
    "inventory_year": (
        "年份须在 {first} 至 {last} 之间。",
        "The year lies between {first} and {last}.",
    ),
    "inventory_sizes": (
        "{field} 须在 0 至 {limit} 之间。",
        "{field} lies between 0 and {limit}.",
    ),
    "inventory_empty": (
        "清单里还没有数据，不能提交。",
        "There is no line in the inventory yet; it cannot be submitted.",
    ),
    "inventory_not_open": (
        "这份清单已提交或已锁定，现在不能修改。",
        "The inventory was submitted or locked; it cannot be changed now.",
    ),
    "inventory_not_in_review": (
        "这份清单现在不在复核中。",
        "The inventory is not in review now.",
    ),
    "inventory_not_locked": (
        "只有锁定的清单才能更正；没有锁定的请直接修改。",
        "Only a locked inventory is corrected; one that is open is simply edited.",
    ),
    "no_correction": (
        "这是第一版，不是更正；可以继续修改。",
        "This is the first version and no correction; it can simply be edited.",
    ),
    "own_inventory": (
        "自己提交的清单须由另一人复核锁定。",
        "Somebody else reviews and locks what you submitted.",
    ),
    "own_lines": (
        "这一版里有您录入、修改或导入的数据，须由没有写过数据、也没有提交的另一位负责人锁定。"
        "如果单位的两个人都写过，请先加一位负责人。",
        "You entered, changed or imported lines of this version: an owner who neither wrote nor "
        "submitted it locks it. Where both of two people wrote, a third person is needed: add "
        "another owner.",
    ),
    # --- files ---
    "evidence_too_large": (
        "佐证文件不能为空，最大 {limit_mib} MiB。",
        "An evidence file is not empty and has at most {limit_mib} MiB.",
    ),
    "evidence_format": (
        "佐证文件须是完好的 PDF、JPEG、PNG 或 XLSX（不含宏）。",
        "Evidence is an undamaged PDF, JPEG, PNG or XLSX without macros.",
    ),
    "evidence_name_taken": (
        "已有另一个名为 {name} 的佐证文件，请改名后再上传。",
        "Another evidence file is called {name}; rename this one and upload it again.",
    ),
    "evidence_not_found": ("没有这个佐证文件。", "There is no such evidence file."),
    "evidence_gone": (
        "佐证文件已丢失或与上传时不同，请联系运营人员。",
        "The evidence file is lost or not what was uploaded; please tell the operator.",
    ),
    "evidence_in_use": (
        "{year} 年的清单已提交或已锁定，其中有数据引用这个文件，不能删除。",
        "The inventory of {year} was submitted or locked and refers to this file; it stays.",
    ),
    "evidence_removal_unsure": (
        "请勾选确认后再删除。",
        "Tick the box to confirm before the file is deleted.",
    ),
    "evidence_not_uploaded": (
        "还没有上传名为 {name} 的佐证文件。",
        "No evidence file named {name} was uploaded yet.",
    ),
    "upload_not_found": (
        "没有等待确认的文件，请重新上传。",
        "No file waits to be confirmed; please upload it again.",
    ),
    "upload_has_refused": (
        "文件里有不能导入的行，请改好后重新上传。",
        "Some lines of the file cannot be taken; mend them and upload it again.",
    ),
    "table_format": (
        "请用 XLSX 或 CSV（也可以是 TSV）文件。",
        "Use an XLSX or CSV (or TSV) file.",
    ),
    "table_too_large": (
        "表格太大，最多 {limit_mib} MiB。",
        "The table is too large; at most {limit_mib} MiB.",
    ),
    "table_rows": ("表格最多 {limit} 行。", "A table has at most {limit} rows."),
    "table_damaged": (
        "表格打不开：文件损坏或有密码。",
        "The table cannot be opened: damaged, or under a password.",
    ),
    "table_encoding": (
        "看不懂文件的编码，请存成 UTF-8。",
        "The encoding is not known; save the file as UTF-8.",
    ),
    "table_empty": ("表格是空的。", "The table is empty."),
    "table_header": (
        "表格里找不到“{column}”这一列（找到的是：{columns}），请用模板填写。",
        "The table has no column “{column}” (found: {columns}); please use the template.",
    ),
    "table_columns": ("缺少这些列：{columns}。", "These columns are missing: {columns}."),
    # --- lists of institutions ---
    "institution_has_people": (
        "这个单位已经有人任职，请由它的负责人邀请。",
        "The institution has people already; its owner invites others.",
    ),
    "listing_mapping": ("映射不正确：{problem}", "The mapping is not right: {problem}"),
    "listing_mapping_needed": (
        "没有现成的映射适合这些列：{columns}。请用 --mapping 指定。",
        "No ready mapping fits these columns: {columns}. Name one with --mapping.",
    ),
    "listed_flag": ("名录标注：{flag}。", "Flagged in the list: {flag}."),
    "listed_value_missing": ("没有报送 {column}。", "{column} was not reported."),
    "listed_without_energy": (
        "没有任何能耗数据，只建立了单位和空清单。",
        "No energy use at all: only the institution and an empty inventory were made.",
    ),
    "listed_inventory_closed": (
        "{year} 年的清单已提交或锁定，名录的新数字没有写入。",
        "The inventory of {year} was submitted or locked; the list's new figures were not taken.",
    ),
}
