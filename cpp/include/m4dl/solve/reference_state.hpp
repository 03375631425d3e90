// What solves of all chains share.
#pragma once

#include <memory>

namespace m4dl {

// What a model's solver prepares at one state and shares among all chains (a factor, say); opaque to
// all but that solver. Results depend on it within the solver's tolerance only.
struct ReferenceState {
    virtual ~ReferenceState() = default;
};
using SharedReferenceState = std::shared_ptr<const ReferenceState>;

}  // namespace m4dl
