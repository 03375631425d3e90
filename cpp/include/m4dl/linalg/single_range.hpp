// Right-hand sides in the range of single precision, whatever their unit.
#pragma once

#include "m4dl/base/parallel.hpp"

namespace m4dl {

// Multiplies x by a power of two in each lane that needs it: no digit depends on it. Where the
// largest entry lies between 2^-40 and 2^40, the factor is 1.
class SingleRange {
public:
    explicit SingleRange(Block& x);
    const Lanes& factor() const { return factor_; }
    // Back to the unit of old.
    void undo(Block& x) const;

private:
    Lanes factor_ = Lanes::Ones();
};

}  // namespace m4dl
