// Sorting by integer keys in linear time: meshes and matrices have their keys in a small range.
#pragma once

#include <numeric>
#include <vector>

#include "m4dl/base/block.hpp"

namespace m4dl {

// The items by key(item), which lies in 0, ..., keys - 1. Items of one key keep their order, so
// sorting by the last of several keys first and by the first one last sorts by all of them.
template <class Item, class Key>
std::vector<Item> counting_sort(const std::vector<Item>& items, Index keys, Key&& key) {
    std::vector<Index> next(static_cast<std::size_t>(keys) + 1, 0);
    for (const Item& item : items) ++next[key(item) + 1];
    std::partial_sum(next.begin(), next.end(), next.begin());
    std::vector<Item> out(items.size());
    for (const Item& item : items) out[next[key(item)]++] = item;
    return out;
}

}  // namespace m4dl
