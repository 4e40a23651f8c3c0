#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "src/http/client.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

int probe(const std::string& url, std::chrono::seconds within, bool verify) {
    const std::size_t scheme = url.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    const std::size_t path = std::min(url.find('/', host), url.size());
    const auto client = http::Client::create({.base = url.substr(0, path), .tls = {.verify = verify}});
    if (!client) {
        std::cerr << "drover: " << client.error().message << "\n";
        return 2;
    }
    const std::string target = path == url.size() ? "/" : url.substr(path);
    for (const auto end = Steady::now() + within;;) {
        const auto answer = (*client)->send({.target = target, .timeout = 5s});
        if (answer && answer->status / 100 == 2) {
            std::cout << answer->body << '\n';
            return 0;
        }
        if (Steady::now() >= end) {
            std::cerr << "drover: " << url << ": "
                      << (answer ? std::to_string(answer->status) + " " + answer->body : answer.error().message)
                      << '\n';
            return 1;
        }
        std::this_thread::sleep_for(200ms);
    }
}

}  // namespace

void add_probe_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command =
        app.add_subcommand("probe", "See whether something answers well over HTTP, as curl --fail does");
    const auto url = std::make_shared<std::string>();
    const auto within = std::make_shared<int>(0);
    const auto insecure = std::make_shared<bool>(false);
    command->add_option("url", *url, "What to GET")->required();
    command->add_option("--within", *within, "Seconds in which to try again until it does")
        ->check(CLI::Range(0, 3600))
        ->capture_default_str();
    command->add_flag("--insecure", *insecure, "Take any certificate, as Kubernetes' own probes do");
    command->footer(
        "Example:\n  drover probe --within=60 http://drover:4200/readyz\n\nThe image has no shell, and so no other "
        "way. "
        "The exit code is 1 where there was no answer, or none from 200 to 299.");
    command->callback([&chosen, url, within, insecure] {
        chosen = [url, within, insecure] { return probe(*url, std::chrono::seconds(*within), !*insecure); };
    });
}

}  // namespace drover::cli
