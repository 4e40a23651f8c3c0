// A disk in memory that can lose its power: what was not synced is kept, torn or lost as chance has it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/submit/disk.h"

namespace drover::gateway::test {

class FakeDisk {
public:
    struct Content {
        std::string now;
        std::string synced;
        bool named = false;  // the folder was synced since it was made
    };

    std::unique_ptr<Folder> folder() { return std::make_unique<FakeFolder>(*this); }

    // `chance(n)` is a number below n. Files keep what was synced; of the rest any part may be there.
    void lose_power(const std::function<std::size_t(std::size_t)>& chance) {
        std::map<std::string, std::shared_ptr<Content>> left;
        for (auto& [name, file] : files_) {
            if (!file->named && chance(2) == 0) continue;
            std::string bytes = file->synced;
            if (file->now.size() >= bytes.size()) {
                const std::size_t more = chance(file->now.size() - bytes.size() + 1);
                std::string tail = file->now.substr(bytes.size(), more);
                if (!tail.empty() && chance(4) == 0) tail[chance(tail.size())] ^= 0x55;  // written in part
                bytes += tail;
            }
            // Of what was written over, each byte may be the new or the old one.
            for (std::size_t i = 0; i < std::min(file->synced.size(), file->now.size()); ++i) {
                if (file->now[i] != file->synced[i] && chance(2) == 0) bytes[i] = file->now[i];
            }
            left[name] = std::make_shared<Content>(Content{bytes, bytes, true});
        }
        for (auto& [name, file] : removed_) {  // and not yet so on the disk
            if (!left.contains(name) && chance(2) == 0)
                left[name] = std::make_shared<Content>(Content{file, file, true});
        }
        removed_.clear();
        files_ = std::move(left);
    }
    // As a kill of the process: everything that was written is there.
    void lose_process() {}

    std::size_t room = SIZE_MAX;  // bytes that can still be written
    bool sync_fails = false;
    std::map<std::string, std::shared_ptr<Content>>& files() { return files_; }

private:
    class FakeFile final : public File {
    public:
        FakeFile(FakeDisk& disk, std::shared_ptr<Content> content) : disk_(disk), content_(std::move(content)) {}
        Result<void> write(std::uint64_t offset, std::string_view bytes) override {
            std::string& now = content_->now;
            const std::size_t fits = std::min(bytes.size(), disk_.room);
            if (now.size() < offset + fits) now.resize(offset + fits);
            now.replace(offset, fits, bytes.substr(0, fits));
            if (disk_.room != SIZE_MAX) disk_.room -= fits;
            if (fits < bytes.size()) return failure(Error::Code::unavailable, "no space left", true);
            return {};
        }
        Result<std::string> read(std::uint64_t offset, std::size_t bytes) override {
            if (offset >= content_->now.size()) return std::string();
            return content_->now.substr(offset, bytes);
        }
        Result<std::uint64_t> size() override { return content_->now.size(); }
        Result<void> truncate(std::uint64_t size) override {
            content_->now.resize(size);
            return {};
        }
        Result<void> sync() override {
            if (disk_.sync_fails) return failure(Error::Code::unavailable, "the disk fails", true);
            content_->synced = content_->now;
            return {};
        }

    private:
        FakeDisk& disk_;
        std::shared_ptr<Content> content_;
    };

    class FakeFolder final : public Folder {
    public:
        explicit FakeFolder(FakeDisk& disk) : disk_(disk) {}
        Result<std::vector<std::string>> list() override {
            std::vector<std::string> names;
            for (const auto& [name, file] : disk_.files_) names.push_back(name);
            return names;
        }
        Result<std::unique_ptr<File>> open(const std::string& name) override {
            auto& file = disk_.files_[name];
            if (!file) file = std::make_shared<Content>();
            return std::make_unique<FakeFile>(disk_, file);
        }
        Result<void> remove(const std::string& name) override {
            const auto file = disk_.files_.find(name);
            if (file == disk_.files_.end()) return {};
            if (file->second->named) disk_.removed_[name] = file->second->synced;
            disk_.files_.erase(file);
            return {};
        }
        Result<void> sync() override {
            for (auto& [name, file] : disk_.files_) file->named = true;
            disk_.removed_.clear();
            return {};
        }

    private:
        FakeDisk& disk_;
    };

    std::map<std::string, std::shared_ptr<Content>> files_;
    std::map<std::string, std::string> removed_;
};

}  // namespace drover::gateway::test
