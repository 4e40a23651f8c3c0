#include "src/kube/store.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::kube {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using Kind = Change::Kind;

json object(const std::string& name, const std::string& version, const std::string& uid = "") {
    return {{"metadata", {{"namespace", "shop"}, {"name", name}, {"resourceVersion", version}, {"uid", uid + name}}}};
}

std::vector<std::pair<Kind, std::string>> told(const std::vector<Change>& changes) {
    std::vector<std::pair<Kind, std::string>> kinds;
    for (const auto& change : changes) {
        EXPECT_EQ(change.before == nullptr, change.kind == Kind::added);
        EXPECT_EQ(change.after == nullptr, change.kind == Kind::deleted);
        kinds.emplace_back(change.kind, change.key.text());
    }
    return kinds;
}

using Told = std::pair<Kind, std::string>;

TEST(Store, tells_what_an_event_changes) {
    Store store;
    EXPECT_THAT(told(store.put(object("a", "1"))), ElementsAre(Told{Kind::added, "shop/a"}));
    EXPECT_THAT(told(store.put(object("a", "1"))), ElementsAre());
    EXPECT_THAT(told(store.put(object("a", "2"))), ElementsAre(Told{Kind::changed, "shop/a"}));
    EXPECT_EQ(store.get({"shop", "a"})->at("metadata").at("resourceVersion"), "2");
    EXPECT_THAT(told(store.remove({"shop", "a"})), ElementsAre(Told{Kind::deleted, "shop/a"}));
    EXPECT_THAT(told(store.remove({"shop", "a"})), ElementsAre());
    EXPECT_EQ(store.get({"shop", "a"}), nullptr);
}

TEST(Store, tells_what_a_new_list_changes_and_what_was_deleted_meanwhile) {
    Store store;
    store.replace({object("a", "1"), object("b", "2"), object("c", "3")});
    const auto changes = store.replace({object("b", "2"), object("c", "9"), object("d", "4")});
    EXPECT_THAT(told(changes),
                ElementsAre(Told{Kind::deleted, "shop/a"}, Told{Kind::changed, "shop/c"}, Told{Kind::added, "shop/d"}));
    EXPECT_EQ(store.size(), 3U);
}

TEST(Store, an_object_made_anew_under_its_name_is_another_one) {
    Store store;
    store.put(object("a", "1", "first"));
    EXPECT_THAT(told(store.put(object("a", "7", "second"))),
                ElementsAre(Told{Kind::deleted, "shop/a"}, Told{Kind::added, "shop/a"}));
}

TEST(Store, what_somebody_keeps_stays_as_it_was) {
    Store store;
    store.put(object("a", "1"));
    const Object kept = store.get({"shop", "a"});
    store.put(object("a", "2"));
    store.remove({"shop", "a"});
    EXPECT_EQ(kept->at("metadata").at("resourceVersion"), "1");
}

TEST(Store, what_has_no_name_is_left_out) {
    Store store;
    EXPECT_THAT(told(store.put(json::object())), ElementsAre());
    EXPECT_THAT(told(store.replace({json::array(), json{{"metadata", 3}}})), ElementsAre());
    EXPECT_EQ(store.size(), 0U);
}

// Who only hears of differences knows as much as who has the store.
RC_GTEST_PROP(Store, differences_add_up_to_what_is_here, ()) {
    Store store;
    std::map<ObjectKey, std::string> heard;
    const auto any_object = [] {
        return object(std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 5))),
                      std::to_string(*rc::gen::inRange(1, 4)), *rc::gen::element<std::string>("x", "y"));
    };
    const auto steps = *rc::gen::inRange(1, 50);
    for (int i = 0; i < steps; ++i) {
        std::vector<Change> changes;
        switch (*rc::gen::inRange(0, 3)) {
            case 0: changes = store.put(any_object()); break;
            case 1: changes = store.remove(key_of(any_object())); break;
            default: {
                std::vector<json> objects;
                const auto count = *rc::gen::inRange(0, 6);
                for (int j = 0; j < count; ++j) objects.push_back(any_object());
                changes = store.replace(std::move(objects));
            }
        }
        for (const auto& change : changes) {
            if (change.kind == Kind::added) RC_ASSERT(!heard.contains(change.key));
            if (change.kind != Kind::added) RC_ASSERT(heard.at(change.key) == change.before->dump());
            if (change.after) heard[change.key] = change.after->dump();
            if (!change.after) heard.erase(change.key);
        }
        RC_ASSERT(heard.size() == store.size());
        for (const auto& [key, here] : store.objects()) {
            RC_ASSERT(here->at("metadata").at("resourceVersion") ==
                      json::parse(heard.at(key)).at("metadata").at("resourceVersion"));
        }
    }
}

}  // namespace
}  // namespace drover::kube
