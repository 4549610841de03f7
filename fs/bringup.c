#include "vfs.h"
#include "files.h"
#include "mount.h"
#include "kernel_ops.h"
#define WEAK __attribute__((weak))
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
const struct file_ops blockdev_fops;
WEAK struct proc_entry *proc_create(const char *p, mode_t m, int (*s)(struct seq_file *m, void *arg), void *arg){return NULL;}
WEAK bool file_is_noexec(const struct file *f){return f->path.mnt->flags & MNT_NOEXEC;}
WEAK bool path_is_nosuid(const struct path *p){return p->mnt->flags & MNT_NOSUID;}
WEAK void locks_release_file(struct file *f){} WEAK void locks_free(struct inode*i){} WEAK void locks_close(struct file*f,struct files*o){}
WEAK s64 locks_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg){return -EINVAL;}
WEAK void mount_init(void){ struct super_block*sb=tmpfs_create_super(fs_type_find("tmpfs"),"mode=755",0); mount_root=mount_alloc(sb,sb->root,0,"rootfs"); tree_write_begin(); list_add_tail(&mount_root->all_link,&mount_list); tree_write_end(); }
WEAK void fs_init(void){ inode_init_caches(); dcache_init(); file_init(); pagecache_init(); tmpfs_init(); devfs_init(); mount_init(); }
