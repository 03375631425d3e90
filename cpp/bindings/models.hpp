// What the bindings of models share.
#pragma once

#include "arrays.hpp"
#include "m4dl/model/any.hpp"

namespace m4dl::bind {

using namespace pybind11::literals;

template <class M, class... Args>
AnyModel make(Args&&... args) {
    return AnyModel(std::make_shared<const M>(std::forward<Args>(args)...));
}

}  // namespace m4dl::bind
