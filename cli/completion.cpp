#include "cli/completion.h"

#include <functional>

namespace drover::cli {
namespace {

using Option = CommandTree::Option;

// Two seconds: a gateway that hangs must not hang the shell.
std::string ask_queues(const std::string& program) { return "timeout 2 " + program + " queues -o name 2>/dev/null"; }

std::string single_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    }
    return out + "'";
}

// Calls `visit` with each command below the tree, and the words that lead to it: "", "dead", "dead list".
void walk(const CommandTree& tree, const std::string& path,
          const std::function<void(const CommandTree&, const std::string& path)>& visit) {
    visit(tree, path);
    for (const CommandTree& each : tree.commands) walk(each, path.empty() ? each.name : path + " " + each.name, visit);
}

std::string words_of(const CommandTree& command) {
    std::string words;
    for (const CommandTree& each : command.commands) words.append(words.empty() ? "" : " ").append(each.name);
    return words;
}

std::string option_words_of(const CommandTree& command) {
    std::string words;
    for (const Option& option : command.options) {
        for (const std::string& name : option.names) words.append(words.empty() ? "" : " ").append(name);
    }
    return words;
}

std::string joined(const std::vector<std::string>& list, const char* between) {
    std::string text;
    for (const std::string& each : list) text.append(text.empty() ? "" : between).append(each);
    return text;
}

// The options that take a value, as a pattern of bash's `case`: the word after one of them is no command.
std::string value_options(const CommandTree& tree) {
    std::string pattern;
    walk(tree, "", [&](const CommandTree& command, const std::string&) {
        for (const Option& option : command.options) {
            if (!option.takes_value) continue;
            for (const std::string& name : option.names) {
                if (("|" + pattern + "|").find("|" + name + "|") == std::string::npos)
                    pattern.append(pattern.empty() ? "" : "|").append(name);
            }
        }
    });
    return pattern;
}

// Bash and zsh complete by the same function: what may stand here, by the commands that stand before.
std::string completer(const CommandTree& tree, const std::string& program, const std::string& function) {
    std::string out = function +
                      "_words() {\n"
                      "  local place=$1 before=$2\n"
                      "  case \"$place:$before\" in\n";
    walk(tree, "", [&](const CommandTree& command, const std::string& path) {
        for (const Option& option : command.options) {
            if (!option.takes_value) continue;
            std::string what = ":";  // any: nothing to offer
            if (!option.choices.empty()) what = "echo " + joined(option.choices, " ");
            if (option.value == Option::Value::queue) what = ask_queues(program);
            if (option.value == Option::Value::file) what = "echo :file:";
            std::string patterns;
            for (const std::string& name : option.names)
                patterns.append(patterns.empty() ? "" : "|").append("\"" + path + ":" + name + "\"");
            out.append("    ").append(patterns).append(") ").append(what).append("; return ;;\n");
        }
    });
    out +=
        "  esac\n"
        "  case \"$place\" in\n";
    walk(tree, "", [&](const CommandTree& command, const std::string& path) {
        out.append("    \"").append(path).append("\") echo ");
        out.append(single_quoted(words_of(command) + " " + option_words_of(command)));
        if (command.takes_queue) out.append("; ").append(ask_queues(program));
        out += " ;;\n";
    });
    out +=
        "  esac\n"
        "}\n";
    // Which words lead to the command that is being typed.
    out += function +
           "_path() {\n"
           "  local place= word skip=\n"
           "  for word in \"$@\"; do\n"
           "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
           "    case \"$word\" in\n"
           "      " +
           value_options(tree) +
           ") skip=1; continue ;;\n"
           "      -*) continue ;;\n"
           "    esac\n"
           "    case \"$place${place:+ }$word\" in\n";
    std::string patterns;
    walk(tree, "", [&](const CommandTree&, const std::string& path) {
        if (!path.empty()) patterns.append(patterns.empty() ? "" : "|").append("\"" + path + "\"");
    });
    out += "      " + patterns +
           ") place=\"$place${place:+ }$word\" ;;\n"
           "    esac\n"
           "  done\n"
           "  echo \"$place\"\n"
           "}\n";
    return out;
}

}  // namespace

std::string bash_completion(const CommandTree& tree, const std::string& program) {
    return "# bash completion of drover: source <(" + program + " completion bash)\n" +
           completer(tree, program, "_drover") +
           "_drover() {\n"
           "  local current=${COMP_WORDS[COMP_CWORD]} words\n"
           "  words=$(_drover_words \"$(_drover_path \"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\" "
           "\"${COMP_WORDS[COMP_CWORD-1]}\")\n"
           "  if [ \"$words\" = :file: ]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
           "  else\n"
           "    case \"$current\" in\n"
           "      -*) ;;\n"
           "      *) words=$(printf '%s\\n' $words | grep -v '^-') ;;\n"
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "  fi\n"
           "}\n"
           "complete -o filenames -o nosort -F _drover " +
           program + "\n";
}

std::string zsh_completion(const CommandTree& tree, const std::string& program) {
    return "#compdef " + program + "\n# zsh completion of drover: source <(" + program + " completion zsh)\n" +
           completer(tree, program, "_drover") +
           "_drover() {\n"
           "  local -a offered\n"
           "  local current=${words[CURRENT]} text\n"
           "  text=$(_drover_words \"$(_drover_path \"${(@)words[2,CURRENT-1]}\")\" \"${words[CURRENT-1]}\")\n"
           "  if [[ $text == :file: ]]; then _files; return; fi\n"
           "  offered=(${=text})\n"
           "  [[ $current == -* ]] || offered=(${offered:#-*})\n"
           "  compadd -a offered\n"
           "}\n"
           "(( $+functions[compdef] )) || { autoload -U compinit && compinit -u }\n"
           "compdef _drover " +
           program + "\n";
}

std::string fish_completion(const CommandTree& tree, const std::string& program) {
    std::string out = "# fish completion of drover: " + program +
                      " completion fish | source\n"
                      "complete -c " +
                      program +
                      " -e\n"
                      "complete -c " +
                      program + " -f\n";
    walk(tree, "", [&](const CommandTree& command, const std::string& path) {
        // Where this command stands, and none of its own subcommands yet.
        std::string here = path.empty() ? "not __fish_seen_subcommand_from " + words_of(tree) : "";
        for (std::size_t begin = 0; begin < path.size();) {
            const std::size_t end = std::min(path.find(' ', begin), path.size());
            here.append(here.empty() ? "" : "; and ").append("__fish_seen_subcommand_from ");
            here.append(path, begin, end - begin);
            begin = end + 1;
        }
        const std::string condition = " -n " + single_quoted(here);
        std::string deeper = here;
        if (!path.empty() && !command.commands.empty())
            deeper += "; and not __fish_seen_subcommand_from " + words_of(command);
        for (const CommandTree& each : command.commands) {
            out += "complete -c " + program + " -n " + single_quoted(deeper) + " -a " + each.name + " -d " +
                   single_quoted(each.description) + "\n";
        }
        for (const Option& option : command.options) {
            out += "complete -c " + program + condition;
            for (const std::string& name : option.names)
                out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (option.takes_value) out += " -r";
            if (!option.choices.empty()) out += " -a " + single_quoted(joined(option.choices, " "));
            if (option.value == Option::Value::queue) out += " -a " + single_quoted("(" + ask_queues(program) + ")");
            if (option.value == Option::Value::file) out += " -F";
            out += " -d " + single_quoted(option.description) + "\n";
        }
        if (command.takes_queue)
            out +=
                "complete -c " + program + condition + " -a " + single_quoted("(" + ask_queues(program) + ")") + "\n";
    });
    return out;
}

}  // namespace drover::cli
