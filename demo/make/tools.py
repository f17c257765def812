"""The tools of the demo's invented world and the ways people ask for them. All texts are our own."""

# tool: (category of the suite, what its argument is, ways to ask). {f} is a file, {s} a symbol. The LAST way is in no
# training text: the suite alone asks so.
TOOLS = {
    "read_file": (
        "text_tools",
        "file",
        [
            "show me {f}", "open {f}", "print the content of {f}", "read {f}", "what does {f} contain",
            "display {f} please",
        ],
    ),
    "write_file": (
        "text_tools",
        "file",
        [
            "write this to {f}", "save the text in {f}", "create {f}", "put a new line into {f}", "store this as {f}",
            "make a new file {f}",
        ],
    ),
    "run_command": (
        "text_tools",
        "file",
        [
            "run python on {f}", "execute {f} in the shell", "start {f} from the terminal", "launch {f}",
            "run the script {f}", "execute the script {f}",
        ],
    ),
    "typecheck": (
        "validation",
        "file",
        [
            "check the types in {f}", "are the types in {f} right", "run the type checker on {f}",
            "find type errors in {f}", "type check {f}", "any type errors in {f}",
        ],
    ),
    "lint": (
        "validation",
        "file",
        [
            "lint {f}", "check the style of {f}", "is {f} clean", "find style errors in {f}", "run the linter on {f}",
            "any style problems in {f}",
        ],
    ),
    "run_tests": (
        "validation",
        "file",
        [
            "run the tests of {f}", "test {f}", "do the tests for {f} pass", "start the test suite of {f}",
            "are the tests of {f} green", "check that the tests in {f} pass",
        ],
    ),
    "goto_definition": (
        "lsp",
        "symbol",
        [
            "where is {s} defined", "go to the definition of {s}", "find the definition of {s}",
            "show where {s} is declared", "jump to {s}", "which line defines {s}",
        ],
    ),
    "find_references": (
        "lsp",
        "symbol",
        [
            "who uses {s}", "find all references to {s}", "where is {s} used", "list the callers of {s}",
            "show the usages of {s}", "which code uses {s}",
        ],
    ),
    "hover": (
        "lsp",
        "symbol",
        [
            "what type has {s}", "show the docs of {s}", "give me the signature of {s}", "what is {s}",
            "explain the type of {s}", "show the signature and docs of {s}",
        ],
    ),
    "document_symbols": (
        "lsp",
        "file",
        [
            "list the symbols in {f}", "which classes are in {f}", "outline of {f}", "what functions does {f} define",
            "show the structure of {f}", "give me the outline of {f}",
        ],
    ),
    "workspace_symbols": (
        "lsp",
        "symbol",
        [
            "search the project for {s}", "is there any symbol named {s}", "look for {s} in the whole project",
            "find a symbol like {s}", "search all symbols for {s}", "search the whole project for symbol {s}",
        ],
    ),
    "git_status": (
        "git",
        "none",
        [
            "what has changed", "show the git status", "is the tree clean", "which files are modified",
            "are there uncommitted changes", "which files have changed",
        ],
    ),
    "git_diff": (
        "git",
        "file",
        [
            "show the diff of {f}", "what changed in {f}", "diff {f}", "compare {f} with the last commit",
            "show my changes in {f}", "what is the diff for {f}",
        ],
    ),
    "git_log": (
        "git",
        "file",
        [
            "show the history of {f}", "who changed {f}", "list the commits of {f}", "last commits on {f}",
            "log of {f}", "show the commits that changed {f}",
        ],
    ),
    "find_pattern": (
        "cst",
        "symbol",
        [
            "find the pattern {s} in the code", "match all calls of {s}", "find code shaped like {s}",
            "search the syntax tree for {s}", "which nodes match {s}", "match the pattern {s}",
        ],
    ),
    "rename_symbol": (
        "cst",
        "symbol",
        [
            "rename {s}", "give {s} a new name", "change the name of {s}", "rename {s} everywhere",
            "call {s} something else", "change {s} to a new name",
        ],
    ),
    "add_import": (
        "cst",
        "file",
        [
            "add an import to {f}", "import this in {f}", "{f} needs an import", "insert the import into {f}",
            "add the missing import to {f}", "put the import into {f}",
        ],
    ),
    "check_route": (
        "domain",
        "file",
        [
            "check the routes in {f}", "are the routes of {f} valid", "validate the route table of {f}",
            "is the routing in {f} right", "do the routes in {f} work", "any problem with the routes of {f}",
        ],
    ),
    "check_template": (
        "domain",
        "file",
        [
            "check the template of {f}", "is the template in {f} valid", "validate the page template of {f}",
            "does the template of {f} render", "are the templates of {f} right",
            "any problem with the template in {f}",
        ],
    ),
    "check_schema": (
        "domain",
        "file",
        [
            "check the schema in {f}", "is the schema of {f} valid", "validate the table schema of {f}",
            "are the columns of {f} right", "does the schema in {f} fit", "any problem with the schema of {f}",
        ],
    ),
    "check_config": (
        "domain",
        "file",
        [
            "check the settings in {f}", "are the settings of {f} valid", "validate the settings of {f}",
            "is a setting missing in {f}", "do the settings in {f} work", "any problem with the settings of {f}",
        ],
    ),
    "check_fixture": (
        "domain",
        "file",
        [
            "check the fixtures in {f}", "are the fixtures of {f} valid", "validate the test fixtures of {f}",
            "is a fixture missing in {f}", "do the fixtures in {f} work", "any problem with the fixtures of {f}",
        ],
    ),
    "check_migration": (
        "domain",
        "file",
        [
            "check the migration in {f}", "is the migration of {f} safe", "validate the migration of {f}",
            "can the migration in {f} run", "does the migration in {f} work", "any problem with the migration of {f}",
        ],
    ),
    "check_locale": (
        "domain",
        "file",
        [
            "check the translations in {f}", "are the translations of {f} complete",
            "validate the translations of {f}", "is a translation missing in {f}", "do the translations of {f} fit",
            "any problem with the translations of {f}",
        ],
    ),
    "check_license": (
        "domain",
        "file",
        [
            "check the license of {f}", "is the license of {f} right", "validate the license header of {f}",
            "is the license missing in {f}", "does {f} have a license", "any problem with the license of {f}",
        ],
    ),
    "check_changelog": (
        "domain",
        "file",
        [
            "check the changelog of {f}", "is the changelog of {f} complete", "validate the changelog of {f}",
            "is {f} in the changelog", "does the changelog name {f}", "any problem with the changelog of {f}",
        ],
    ),
}
